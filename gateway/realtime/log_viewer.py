"""One viewer of one attempt's log: the archive, then what Kafka has beyond it, then live, with no seam to be seen.

Chunks carry sequence numbers, so whatever arrives twice is dropped and whatever is missing is said. A viewer
that is too slow for the live queue simply goes round again: archive, Kafka, live.
"""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from core.ids import region_of_run
from core.protocol.logs import LogChunk
from gateway.realtime.archive import segment_chunks
from gateway.realtime.log_tail import LiveChunks
from gateway.state import GatewayState
from projections.queries.attempts import AttemptState, attempt_state
from projections.queries.logs import archived_log

IDLE_SECONDS = 1.0
# How many seconds a finished job's last chunks may take to come.
PATIENCE_ROUNDS = 10


class Missing(msgspec.Struct, frozen=True):
    """Chunks first_seq..last_seq are not in the log; `reason` as recorded, or `not-received`."""

    first_seq: int
    last_seq: int
    reason: str


Piece = LogChunk | Missing


class LogViewer:
    """Yields pieces in order, from the chunk that holds a line on."""

    def __init__(self, gateway: GatewayState, attempt: AttemptState) -> None:
        self._gateway = gateway
        self._attempt = attempt
        self._key = attempt.key
        region = region_of_run(attempt.run_id)
        self._partition = gateway.services.topology.partition(region, attempt.key)
        self._next_seq = 0
        self._complete = False

    async def available(self, from_line: int = 0) -> AsyncIterator[Piece]:
        """What there is by now."""
        async for piece in self._archived(from_line):
            yield piece
        if not self._complete:
            async for piece in self._in_order(self._gap(None)):
                yield piece

    async def follow(self, from_line: int = 0) -> AsyncIterator[Piece]:
        """The same, and whatever comes, until the log ends."""
        while not self._complete:
            async for piece in self._archived(from_line):
                yield piece
            if self._complete:
                return
            async with self._gateway.log_tail.follow(self._key, self._partition) as live:
                async for piece in self._in_order(self._gap(live.start)):
                    yield piece
                async for piece in self._in_order(self._live(live)):
                    yield piece
            if not self._complete:
                self._gateway.metrics.log_rereads.inc()

    async def _archived(self, from_line: int) -> AsyncIterator[Piece]:
        archive = await archived_log(self._gateway.services.db, self._key)
        self._start: int | datetime = archive.segments[-1].next_offset if archive.segments else self._attempt.queued_at
        for segment in archive.segments:
            if segment.last_seq < self._next_seq:
                continue
            if segment.last_line < from_line and not segment.last:
                self._next_seq = max(self._next_seq, segment.last_seq + 1)
                continue
            chunks = await segment_chunks(self._gateway.services.objects, segment)
            async for piece in self._in_order(_each(chunks)):
                yield piece

    async def _gap(self, end: int | None) -> AsyncIterator[LogChunk]:
        async for chunk in self._gateway.gaps.chunks(self._key, self._partition, self._start, end):
            yield chunk

    async def _live(self, live: LiveChunks) -> AsyncIterator[LogChunk]:
        """Until the log ends, the viewer was too slow, or the job ended and nothing more can come."""
        rounds = 0
        while True:
            chunk = await live.next(IDLE_SECONDS)
            if chunk is not None:
                rounds = 0
                yield chunk
            elif live.broken:
                return
            elif await self._over():
                rounds += 1
                if self._next_seq >= self._attempt.log_chunks or rounds >= PATIENCE_ROUNDS:
                    self._complete = True
                    return

    async def _over(self) -> bool:
        attempt = self._attempt
        newest = await attempt_state(self._gateway.services.db, attempt.run_id, attempt.job_id, attempt.attempt)
        self._attempt = newest or attempt
        return self._attempt.finished

    async def _in_order(self, chunks: AsyncIterator[LogChunk]) -> AsyncIterator[Piece]:
        """Drops what was seen, says what is missing."""
        async for chunk in chunks:
            if chunk.seq < self._next_seq:
                continue
            if chunk.seq > self._next_seq:
                yield Missing(self._next_seq, chunk.seq - 1, "not-received")
            self._next_seq = chunk.seq + 1
            yield chunk
            if chunk.last:
                self._complete = True
                return


async def _each(chunks: list[LogChunk]) -> AsyncIterator[LogChunk]:
    for chunk in chunks:
        yield chunk
