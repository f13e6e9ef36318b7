"""EventTail: one thread follows all events topics from now on, and fans them out on the event loop.

Each event is decoded once. A subscriber that doesn't keep up is dropped with SubscriberTooSlow; nobody waits for
it. The reader asks Kafka to hold its answer until there is something to say, so that an idle tail costs nothing.
"""

import asyncio
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from core.eventlog.envelope import EventEnvelope, Position
from core.eventlog.headers import decision_part
from core.eventlog.routing import decode_event
from core.ports import LogReader, LogUnavailable, Record, TopicPartition

log: Final = logging.getLogger("sealane.tail")

_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_MAX_BATCHES_AHEAD = 64


class TailEvent(NamedTuple):
    """An event, and which of the events of its decision it is: number `part` of `of`, from 1."""

    position: Position
    event: EventEnvelope
    part: int
    of: int


class SubscriberTooSlow(Exception):
    """This subscriber let its queue run full; it has missed events and must start again from the views."""


class Subscription:
    """The events of some topics from the moment of subscribing on, as an async iterator."""

    def __init__(self, topics: frozenset[str], limit: int) -> None:
        self._topics = topics
        self._limit = limit
        self._queue: deque[TailEvent] = deque()
        self._arrived = asyncio.Event()
        self._overrun = False

    def offer(self, batch: list[TailEvent]) -> None:
        """Runs on the event loop."""
        if self._overrun:
            return
        self._queue.extend(item for item in batch if item.position.topic in self._topics)
        if len(self._queue) > self._limit:
            self._overrun = True
            self._queue.clear()
        self._arrived.set()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> tuple[Position, EventEnvelope]:
        while not self._queue:
            if self._overrun:
                raise SubscriberTooSlow(f"more than {self._limit} events were waiting for this subscriber")
            self._arrived.clear()
            await self._arrived.wait()
        item = self._queue.popleft()
        return item.position, item.event


class LogEventTail:
    """See core.ports.EventTail. Used on one event loop; starts with the first use, ends with close()."""

    def __init__(
        self, new_reader: Callable[[], LogReader], partitions: Iterable[TopicPartition], queue_limit: int = 10_000
    ) -> None:
        self._new_reader = new_reader
        self._partitions = tuple(partitions)
        self._queue_limit = queue_limit
        self._subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._listeners: list[Callable[[TailEvent], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = asyncio.Event()
        self._stopping = threading.Event()
        self._ahead = threading.Semaphore(_MAX_BATCHES_AHEAD)
        self._thread: threading.Thread | None = None

    def subscribe(self, topics: frozenset[str]) -> Subscription:
        self._start()
        subscription = Subscription(topics, self._queue_limit)
        self._subscriptions.add(subscription)
        return subscription

    def listen(self, callback: Callable[[TailEvent], None]) -> None:
        """Call `callback` on the event loop for every event; it must be quick and must not raise."""
        self._listeners.append(callback)

    async def ready(self) -> None:
        """Returns once the tail has its place in every partition: what is written from then on will be seen."""
        self._start()
        await self._ready.wait()

    async def close(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _start(self) -> None:
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._follow, name="event-tail", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        reader: LogReader | None = None
        interrupted = False
        while not self._stopping.is_set():
            try:
                if reader is None:
                    reader = self._open()
                    self._on_loop(self._ready.set)
                elif interrupted:
                    reader.assign(reader.positions())
                interrupted = False
                records = reader.poll(1000, _POLL_SECONDS)
            except LogUnavailable as error:
                log.warning("the event tail is interrupted, nothing is skipped: %s", error)
                interrupted = True
                self._stopping.wait(_RETRY_SECONDS)
                continue
            if records:
                self._hand_over([item for record in records if (item := _decode(record)) is not None])
        if reader is not None:
            reader.close()

    def _open(self) -> LogReader:
        reader = self._new_reader()
        try:
            reader.assign({where: reader.bounds(where)[1] for where in self._partitions})
        except LogUnavailable:
            reader.close()
            raise
        return reader

    def _hand_over(self, batch: list[TailEvent]) -> None:
        while not self._ahead.acquire(timeout=_POLL_SECONDS):
            if self._stopping.is_set():
                return
        self._on_loop(self._dispatch, batch)

    def _on_loop(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._stopping.set()  # The loop is closed: nobody is left to tell.

    def _dispatch(self, batch: list[TailEvent]) -> None:
        self._ahead.release()
        for listener in self._listeners:
            for item in batch:
                listener(item)
        for subscription in list(self._subscriptions):
            subscription.offer(batch)


def _decode(record: Record) -> TailEvent | None:
    try:
        event = decode_event(record.value or b"")
    except msgspec.DecodeError as error:
        log.error("%s:%d:%d is no event: %s", record.topic, record.partition, record.offset, error)
        return None
    part, of = decision_part(record.headers)
    return TailEvent(Position(record.topic, record.partition, record.offset), event, part, of)
