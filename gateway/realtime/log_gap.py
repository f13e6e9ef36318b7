"""What the archive does not have yet: chunks of one attempt straight from `sealane.logs`, between two offsets.

At most a few readers work at once; each reads no faster than its viewer takes, one batch in memory.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta

from core.eventlog.topics import LOGS_TOPIC
from core.ports import LogReader, LogUnavailable, Record, TopicPartition
from core.protocol.logs import LogChunk, decode_chunk

READERS = 4
STALLED_SECONDS = 30.0
CLOCK_SLACK = timedelta(minutes=1)
_POLL_RECORDS = 200
_POLL_SECONDS = 0.2
_PROBE_SECONDS = 1.0
_SEARCH_ENDS_AT = 500


class GapReader:
    """One per gateway. `readers` makes a reader; each is used by one thread at a time and closed again."""

    def __init__(self, readers: Callable[[], LogReader]) -> None:
        self._readers = readers
        self._free = asyncio.Semaphore(READERS)

    async def chunks(
        self, key: str, partition: int, start: int | datetime, end: int | None
    ) -> AsyncGenerator[LogChunk, None]:
        """The attempt's chunks from `start` (an offset, or a time no chunk is older than) up to offset `end`.

        Without an end: up to what is in the log now. Raises LogUnavailable.
        """
        if isinstance(start, int) and end is not None and start >= end:
            return
        where = TopicPartition(LOGS_TOPIC, partition)
        async with self._free:
            reader = await asyncio.to_thread(self._readers)
            try:
                end = await asyncio.to_thread(_begin, reader, where, start, end)
                while reader.positions()[where] < end:
                    for chunk in await asyncio.to_thread(_read, reader, where, key.encode(), end):
                        yield chunk
            finally:
                await asyncio.to_thread(reader.close)


def _begin(reader: LogReader, where: TopicPartition, start: int | datetime, end: int | None) -> int:
    """Put the reader at `start`; answers with the end."""
    first, after_last = reader.bounds(where)
    if isinstance(start, datetime):
        start_ms = int((start - CLOCK_SLACK).timestamp() * 1000)
        start = _offset_at(reader, where, first, after_last, start_ms)
    reader.assign({where: max(start, first)})
    return after_last if end is None else min(end, after_last)


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


def _read(reader: LogReader, where: TopicPartition, key: bytes, end: int) -> list[LogChunk]:
    """The next few chunks, none if all records were others'. Raises LogUnavailable when nothing comes at all."""
    before = reader.positions()[where]
    give_up = time.monotonic() + STALLED_SECONDS
    records: list[Record] = []
    while not records and reader.positions()[where] == before:
        if time.monotonic() > give_up:
            raise LogUnavailable(f"no records of {where.topic}:{where.partition} from {before} on, though it has some")
        records = reader.poll(_POLL_RECORDS, _POLL_SECONDS)
    wanted = (record for record in records if record.key == key and record.offset < end)
    return [decode_chunk(record.value) for record in wanted if record.value is not None]
