"""The thread under the live log: polls every partition from its end on, decodes only what somebody watches."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Container
from typing import NamedTuple

import msgspec

from core.ports import LogReader, LogUnavailable, Record, TopicPartition
from core.protocol.logs import LogChunk, decode_chunk

_POLL_RECORDS = 100
_POLL_SECONDS = 0.05
_DELIVERY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class TailBatch(NamedTuple):
    """Watched chunks in the order of the log. `failed`: the reader gave up, nothing follows."""

    chunks: tuple[tuple[bytes, LogChunk], ...] = ()
    newest_age_seconds: float | None = None
    failed: bool = False


class LogTailThread(threading.Thread):
    """`deliver` runs in `loop`; the next poll waits for it, so that at most one batch is under way."""

    def __init__(
        self,
        readers: Callable[[], LogReader],
        partitions: tuple[TopicPartition, ...],
        watched: Container[bytes],
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[["LogTailThread", TailBatch], None],
    ) -> None:
        super().__init__(name="log-tail", daemon=True)
        self._readers = readers
        self._partitions = partitions
        self._watched = watched
        self._loop = loop
        self._deliver = deliver
        # Why it could not begin to read, or None.
        self._placed: asyncio.Future[Exception | None] = loop.create_future()
        self._stopping = threading.Event()

    async def placed(self) -> None:
        """From now on every new record is delivered to whoever is registered. Raises LogUnavailable."""
        error = await asyncio.shield(self._placed)
        if error is not None:
            raise LogUnavailable(f"the live logs can't be read: {error}")

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        try:
            reader = self._readers()
            try:
                self._tail(reader)
            finally:
                reader.close()
        except Exception as error:
            _log.warning("the live logs are interrupted: %s", error)
            self._say_placed(error)
            self._hand_over(TailBatch(failed=True))

    def _tail(self, reader: LogReader) -> None:
        reader.assign({partition: reader.bounds(partition)[1] for partition in self._partitions})
        self._say_placed(None)
        while not self._stopping.is_set():
            records = reader.poll(_POLL_RECORDS, _POLL_SECONDS)
            if records:
                self._hand_over(self._batch(records))

    def _say_placed(self, error: Exception | None) -> None:
        def say() -> None:
            if not self._placed.done():
                self._placed.set_result(error)

        self._in_loop(say)

    def _batch(self, records: list[Record]) -> TailBatch:
        age = max(0.0, time.time() - records[-1].timestamp_ms / 1000) if records[-1].timestamp_ms else None
        watched = [record for record in records if record.key in self._watched and record.value is not None]
        chunks = ((record.key or b"", chunk) for record in watched if (chunk := _decoded(record)) is not None)
        return TailBatch(tuple(chunks), age)

    def _hand_over(self, batch: TailBatch) -> None:
        done = threading.Event()

        def deliver() -> None:
            try:
                self._deliver(self, batch)
            finally:
                done.set()

        if self._in_loop(deliver):
            done.wait(_DELIVERY_SECONDS)

    def _in_loop(self, action: Callable[[], None]) -> bool:
        """Whether it will be done."""
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:
            self._stopping.set()  # The loop is closed: nobody watches any more.
            return False
        return True


def _decoded(record: Record) -> LogChunk | None:
    try:
        return decode_chunk(record.value or b"")
    except msgspec.DecodeError as error:
        _log.error("%s:%d:%d is no log chunk: %s", record.topic, record.partition, record.offset, error)
        return None
