"""The thread under the live log: polls every partition from its end on, decodes only what somebody watches."""

import asyncio
import logging
import queue
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
        self._questions: queue.SimpleQueue[tuple[TopicPartition, asyncio.Future[int]]] = queue.SimpleQueue()
        self._stopping = threading.Event()

    async def position(self, partition: TopicPartition) -> int:
        """The offset from which on every record is delivered to whoever is registered now. Raises LogUnavailable."""
        answer: asyncio.Future[int] = self._loop.create_future()
        self._questions.put((partition, answer))
        while not answer.done():
            await asyncio.wait({answer}, timeout=1.0)
            if not answer.done() and not self.is_alive():
                raise LogUnavailable("the reader of the live logs stopped")
        return answer.result()

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
            self._hand_over(TailBatch(failed=True))
            self._refuse(error)

    def _tail(self, reader: LogReader) -> None:
        reader.assign({partition: reader.bounds(partition)[1] for partition in self._partitions})
        while not self._stopping.is_set():
            self._answer(reader)
            records = reader.poll(_POLL_RECORDS, _POLL_SECONDS)
            if records:
                self._hand_over(self._batch(records))

    def _answer(self, reader: LogReader) -> None:
        while not self._questions.empty():
            partition, answer = self._questions.get()
            position = reader.positions()[partition]
            self._loop.call_soon_threadsafe(_resolve, answer, position)

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

        try:
            self._loop.call_soon_threadsafe(deliver)
        except RuntimeError:
            self._stopping.set()  # The loop is closed: nobody watches any more.
            return
        done.wait(_DELIVERY_SECONDS)

    def _refuse(self, error: Exception) -> None:
        while not self._questions.empty():
            _, answer = self._questions.get()
            self._loop.call_soon_threadsafe(_fail, answer, LogUnavailable(f"the live logs can't be read: {error}"))


def _decoded(record: Record) -> LogChunk | None:
    try:
        return decode_chunk(record.value or b"")
    except msgspec.DecodeError as error:
        _log.error("%s:%d:%d is no log chunk: %s", record.topic, record.partition, record.offset, error)
        return None


def _resolve(answer: asyncio.Future[int], position: int) -> None:
    if not answer.done():
        answer.set_result(position)


def _fail(answer: asyncio.Future[int], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
