"""One viewer of one attempt's log: the archive, then what Kafka has beyond it, then live, with no seam to be seen.

Chunks carry sequence numbers, so whatever arrives twice is dropped and whatever is missing is said. A viewer
that is too slow for the live queue simply goes round again: archive, Kafka, live.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

import msgspec

from core.eventlog.topics import Topology
from core.ids import region_of_run
from core.ports import ObjectStore
from core.protocol.logs import LogChunk
from gateway.realtime.archive import Unreadable, segment_chunks
from gateway.realtime.log_gap import GapReader
from gateway.realtime.log_tail import LiveChunks, LogTail
from projections.queries.attempts import AttemptState
from projections.queries.types import ArchivedLog, LogGap, LogSegment

NOT_RECEIVED = "not-received"
IDLE_SECONDS = 1.0
# How often a finished job is looked at, IDLE_SECONDS apart, before its last chunks are given up.
PATIENCE_ROUNDS = 10


class Missing(msgspec.Struct, frozen=True):
    """Chunks first_seq..last_seq are not to be had. `reason`: as recorded, not-received, or archive-unreadable."""

    first_seq: int
    last_seq: int
    reason: str


Piece = LogChunk | Missing


@dataclass(frozen=True)
class LogSources:
    """Where logs come from. `archived` and `newest` ask the views."""

    topology: Topology
    archived: Callable[[str], Awaitable[ArchivedLog]]
    newest: Callable[[AttemptState], Awaitable[AttemptState]]
    objects: ObjectStore
    gaps: GapReader
    tail: LogTail
    on_reread: Callable[[], None]
    idle_seconds: float = IDLE_SECONDS


class LogViewer:
    """Yields pieces in order, from the chunk that holds a line on. One use each."""

    def __init__(self, sources: LogSources, attempt: AttemptState) -> None:
        self._sources = sources
        self._attempt = attempt
        self._partition = sources.topology.partition(region_of_run(attempt.run_id), attempt.key)
        self._start: int | datetime = attempt.queued_at
        self._reasons: tuple[LogGap, ...] = ()
        self._next_seq = 0
        self._complete = False

    async def available(self, from_line: int = 0) -> AsyncGenerator[Piece, None]:
        """What there is by now. Raises LogUnavailable."""
        async with aclosing(self._archived(from_line)) as pieces:
            async for piece in pieces:
                yield piece
        if not self._complete:
            async with aclosing(self._in_order(self._beyond_archive())) as pieces:
                async for piece in pieces:
                    yield piece

    async def follow(self, from_line: int = 0) -> AsyncGenerator[Piece, None]:
        """The same, and whatever comes, until the log ends. Raises LogUnavailable."""
        while not self._complete:
            async with aclosing(self._once(from_line)) as pieces:
                async for piece in pieces:
                    yield piece
            if not self._complete:
                self._sources.on_reread()

    async def _once(self, from_line: int) -> AsyncGenerator[Piece, None]:
        """One round: until the log ends, or this viewer is too slow for the live chunks.

        An attempt that ended without its agent's word on the log (it was lost) has what it has by now.
        """
        silent = await self._finished() and not self._attempt.log_chunks
        async with aclosing(self.available(from_line) if silent else self._archived(from_line)) as pieces:
            async for piece in pieces:
                yield piece
        self._complete = self._complete or silent or (self._attempt.finished and self._all_read())
        if self._complete:
            return
        async with self._sources.tail.follow(self._attempt.key) as live:
            for chunks in (self._beyond_archive(), self._live(live)):
                async with aclosing(self._in_order(chunks)) as pieces:
                    async for piece in pieces:
                        yield piece
        if self._complete and not self._all_read():
            yield Missing(self._next_seq, self._attempt.log_chunks - 1, NOT_RECEIVED)

    async def _archived(self, from_line: int) -> AsyncGenerator[Piece, None]:
        archive = await self._sources.archived(self._attempt.key)
        self._reasons = archive.gaps
        for segment in archive.segments:
            self._start = segment.next_offset
            if segment.last_seq < self._next_seq:
                continue
            if segment.last_line < from_line and not segment.last:
                self._next_seq = segment.last_seq + 1
                continue
            async with aclosing(self._in_order(self._segment(segment))) as pieces:
                async for piece in pieces:
                    yield piece
            if self._next_seq <= segment.last_seq:
                yield Missing(self._next_seq, segment.last_seq, Unreadable.code)
                self._next_seq = segment.last_seq + 1
                self._complete = segment.last

    async def _segment(self, segment: LogSegment) -> AsyncGenerator[LogChunk, None]:
        """Its chunks; none when it can't be read, which the caller says."""
        try:
            chunks = await segment_chunks(self._sources.objects, segment)
        except Unreadable:
            return
        for chunk in chunks:
            yield chunk

    async def _beyond_archive(self) -> AsyncGenerator[LogChunk, None]:
        chunks = self._sources.gaps.chunks(self._attempt.key, self._partition, self._start)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def _live(self, live: LiveChunks) -> AsyncGenerator[LogChunk, None]:
        """Until the log ends, the viewer was too slow, or the job ended and nothing more can come."""
        rounds = 0
        while not self._complete:
            chunk = await live.next(self._sources.idle_seconds)
            if chunk is not None:
                rounds = 0
                yield chunk
            elif live.broken:
                return
            elif await self._finished():
                rounds += 1
                self._complete = self._all_read() or rounds >= PATIENCE_ROUNDS

    def _all_read(self) -> bool:
        return self._next_seq >= self._attempt.log_chunks

    async def _finished(self) -> bool:
        self._attempt = await self._sources.newest(self._attempt)
        return self._attempt.finished

    async def _in_order(self, chunks: AsyncGenerator[LogChunk, None]) -> AsyncGenerator[Piece, None]:
        """Drops what was seen, says what is missing."""
        async for chunk in chunks:
            if self._complete or chunk.seq < self._next_seq:
                continue
            if chunk.seq > self._next_seq:
                yield Missing(self._next_seq, chunk.seq - 1, self._reason(self._next_seq))
            self._next_seq = chunk.seq + 1
            self._complete = chunk.last
            yield chunk

    def _reason(self, seq: int) -> str:
        recorded = (gap.reason for gap in self._reasons if gap.first_seq <= seq <= gap.last_seq)
        return next(recorded, NOT_RECEIVED)
