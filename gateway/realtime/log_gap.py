"""What the archive does not have yet: chunks of one attempt straight from `sealane.logs`, up to its end.

At most a few readers work at once; each reads no faster than its viewer takes, one batch in memory.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from core.eventlog.topics import LOGS_TOPIC
from core.ports import LogReader, LogUnavailable, TopicPartition
from core.protocol.logs import LogChunk, decode_chunk

READERS = 4
KEPT_SECONDS = 30.0
STALLED_SECONDS = 30.0
CLOCK_SLACK = timedelta(minutes=1)
_POLL_RECORDS = 200
_POLL_SECONDS = 0.2
_PROBE_SECONDS = 1.0
_SEARCH_ENDS_AT = 500
T = TypeVar("T")


class GapReader:
    """One per gateway. `readers` makes a reader; each is used by one thread at a time, and kept for a while."""

    def __init__(self, readers: Callable[[], LogReader]) -> None:
        self._readers = readers
        self._free = asyncio.Semaphore(READERS)
        self._kept: list[LogReader] = []
        self._closing: asyncio.TimerHandle | None = None

    async def chunks(self, key: str, partition: int, start: int | datetime) -> AsyncGenerator[LogChunk, None]:
        """The attempt's chunks from `start` (an offset, or a time no chunk is older than) up to what is in the log now.

        Raises LogUnavailable.
        """
        where = TopicPartition(LOGS_TOPIC, partition)
        async with self._reader() as reader:
            end = await _in_thread(_begin, reader, where, start)
            moved = time.monotonic()
            while (before := reader.positions()[where]) < end:
                for chunk in await _in_thread(_read, reader, key.encode(), end):
                    yield chunk
                if reader.positions()[where] > before:
                    moved = time.monotonic()
                elif time.monotonic() - moved > STALLED_SECONDS:
                    raise LogUnavailable(f"nothing comes of {where.topic}:{where.partition} from offset {before} on")

    async def close(self) -> None:
        """Close the readers that are kept."""
        if self._closing is not None:
            self._closing.cancel()
        kept, self._kept = self._kept, []
        for reader in kept:
            await asyncio.to_thread(reader.close)

    @asynccontextmanager
    async def _reader(self) -> AsyncGenerator[LogReader, None]:
        async with self._free:
            reader = self._kept.pop() if self._kept else await asyncio.to_thread(self._readers)
            try:
                yield reader
            except LogUnavailable:
                await asyncio.to_thread(reader.close)
                raise
            except BaseException:
                self._keep(reader)
                raise
            self._keep(reader)

    def _keep(self, reader: LogReader) -> None:
        self._kept.append(reader)
        if self._closing is not None:
            self._closing.cancel()
        self._closing = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        kept, self._kept = self._kept, []
        for reader in kept:
            asyncio.get_running_loop().run_in_executor(None, reader.close)


def _begin(reader: LogReader, where: TopicPartition, start: int | datetime) -> int:
    """Put the reader at `start`; answers with the end."""
    first, after_last = reader.bounds(where)
    if isinstance(start, datetime):
        start_ms = int((start - CLOCK_SLACK).timestamp() * 1000)
        start = _offset_at(reader, where, first, after_last, start_ms)
    reader.assign({where: max(start, first)})
    return after_last


def _offset_at(reader: LogReader, where: TopicPartition, low: int, high: int, since_ms: int) -> int:
    """An offset at or shortly before the first record of `since_ms`: bisection over the records' times."""
    while high - low > _SEARCH_ENDS_AT:
        middle = (low + high) // 2
        reader.assign({where: middle})
        probe = reader.poll(1, _PROBE_SECONDS)
        if probe and probe[0].timestamp_ms < since_ms:
            low = middle
        else:
            high = middle
    return low


def _read(reader: LogReader, key: bytes, end: int) -> list[LogChunk]:
    """The next few chunks; none when all records were others', or none came in time."""
    records = reader.poll(_POLL_RECORDS, _POLL_SECONDS)
    wanted = (record for record in records if record.key == key and record.offset < end)
    return [decode_chunk(record.value) for record in wanted if record.value is not None]


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    """As asyncio.to_thread, but when it is cancelled it waits for the thread: a reader is used by one at a time."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait({work})
        raise
