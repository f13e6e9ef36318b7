"""AsyncProducer over Kafka: one thread polls for acknowledgements and hands them to the event loop in batches.

confluent-kafka's own AIOProducer waits 200 ms and more for an acknowledgement; this takes about 0.6 ms.
"""

import asyncio
import threading
from collections import deque
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka import Producer as Client

from core.eventlog.envelope import Position
from core.eventlog.topics import WEBHOOKS_TOPIC
from core.ports import LogUnavailable, OutgoingRecord
from infra.kafka.connection import CLIENT_ERRORS, Connection, translate
from infra.kafka.producer import producer_config

# How long close() may have to wait for the thread.
_POLL_SECONDS = 0.25
_REACH_SECONDS = 2.0
_Outcome = tuple["asyncio.Future[Position]", Position | None, str]


class KafkaAsyncProducer:
    """See core.ports.AsyncProducer. Used on one event loop, the one of the first send().

    A record that is given up after `timeout_seconds` may be followed by later ones that are written. Where a hole can't
    be allowed (the chunks of a log), None: it waits for the broker, and whoever sends has to bound what waits.
    """

    def __init__(
        self, connection: Connection, client_id: str = "sealane-gateway", timeout_seconds: float | None = 10.0
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        config = producer_config(connection, client_id, timeout_seconds, linger_ms=0.5)
        # What comes while a request is under way goes together with the next: the busier, the larger the requests.
        self._client = Client({**config, "max.in.flight.requests.per.connection": 1})
        self._outcomes: deque[_Outcome] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"{client_id}-acks", daemon=True)

    async def send(self, record: OutgoingRecord) -> Position:
        future: asyncio.Future[Position] = self._start().create_future()

        def delivered(error: KafkaError | None, message: Any) -> None:
            self._settle(future, error, message)

        topic, partition, key, value, headers = record
        try:
            self._client.produce(
                topic, value=value, key=key, partition=partition, headers=list(headers) or None, on_delivery=delivered
            )
        except CLIENT_ERRORS as error:
            translate(error, f"writing to {topic}:{partition}")
        return await future

    async def reach(self) -> None:
        """Ask the cluster something. Raises LogUnavailable where no broker answers."""
        try:
            await asyncio.to_thread(self._client.list_topics, WEBHOOKS_TOPIC, _REACH_SECONDS)
        except CLIENT_ERRORS as error:
            translate(error, "asking Kafka for the topics")

    async def close(self) -> None:
        """Wait for what is under way, then stop."""
        await asyncio.to_thread(self._client.flush, 10.0)
        self._stopping.set()
        if self._loop is not None:
            await asyncio.to_thread(self._thread.join)

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._thread.start()
        return self._loop

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._client.poll(_POLL_SECONDS)

    def _settle(self, future: "asyncio.Future[Position]", error: KafkaError | None, message: Any) -> None:
        """Runs on the polling thread (or in flush): one wake-up of the loop serves all that came meanwhile."""
        where = None if error else Position(message.topic(), message.partition(), message.offset())
        idle = not self._outcomes
        self._outcomes.append((future, where, "" if error is None else error.str()))
        if idle and self._loop is not None:
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        while self._outcomes:
            future, where, reason = self._outcomes.popleft()
            if future.done():
                continue
            if where is None:
                future.set_exception(LogUnavailable(f"the record was not acknowledged: {reason}"))
            else:
                future.set_result(where)
