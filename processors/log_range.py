"""Read a range of one partition to its end and stop, on a connection that is kept for the next time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from core.ports import Clock, LogReader, LogUnavailable, Record, TopicPartition

_POLL_SECONDS = 0.5
_BATCH = 5000


class LogRange:
    """One thread, one range at a time. Raises LogUnavailable where the log can't be read now."""

    def __init__(self, new_reader: Callable[[], LogReader], clock: Clock, timeout_seconds: float) -> None:
        self._new_reader = new_reader
        self._clock = clock
        self._timeout = timeout_seconds
        self._reader: LogReader | None = None

    def bounds(self, where: TopicPartition) -> tuple[int, int]:
        with self._renewed_after_failure():
            return self._open().bounds(where)

    def read(self, where: TopicPartition, start: int, end: int) -> Iterator[Sequence[Record]]:
        """The records in [start, end), as they come. Raises LogUnavailable when nothing moves for `timeout_seconds`."""
        if start >= end:
            return
        with self._renewed_after_failure():
            reader = self._open()
            reader.assign({where: start})
            position, moved_at = start, self._clock.now()
            while position < end:
                records = reader.poll(_BATCH, _POLL_SECONDS)
                while records and records[-1].offset >= end:
                    records.pop()
                if records:
                    yield records
                before, position = position, reader.positions()[where]
                now = self._clock.now()
                if position > before:
                    moved_at = now
                elif (now - moved_at).total_seconds() > self._timeout:
                    raise LogUnavailable(f"{where.topic}:{where.partition} stopped at offset {position}, before {end}")

    def release(self) -> None:
        """Stop fetching; the connection stays."""
        if self._reader is not None:
            self._reader.assign({})

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @contextmanager
    def _renewed_after_failure(self) -> Iterator[None]:
        """A client that failed is not asked again: one was seen that never learned of a partition's new leader."""
        try:
            yield
        except LogUnavailable:
            self.close()
            raise

    def _open(self) -> LogReader:
        if self._reader is None:
            self._reader = self._new_reader()
        return self._reader
