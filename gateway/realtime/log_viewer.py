"""One viewer of one attempt's log: the archive, then what Kafka has beyond it, then live, with no seam to be seen.

Chunks carry sequence numbers, so whatever arrives twice is dropped and whatever is missing is said. A viewer
that is too slow for the live queue simply goes round again: archive, Kafka, live.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime

import msgspec

from core.protocol.logs import LogChunk
from gateway.realtime.archive import segment_chunks
from gateway.state import GatewayState
from projections.queries.attempts import AttemptState, attempt_state
from projections.queries.logs import archived_log
from projections.queries.types import ArchivedLog

IDLE_SECONDS = 1.0
# How long a finished job's last chunks may take to come; then they are reported missing.
PATIENCE_ROUNDS = 10


class Missing(msgspec.Struct, frozen=True):
    """Chunks first_seq..last_seq are not in the log; `reason` as recorded, or `not-received`."""

    first_seq: int
    last_seq: int
    reason: str


Piece = LogChunk | Missing


class LogViewer:
    """Yields pieces in order. `region` and `queued_at` of the attempt say where in Kafka its log begins."""

    def __init__(self, gateway: GatewayState, attempt: AttemptState) -> None:
        self._gateway = gateway
        self._attempt = attempt
        self._key = attempt.key
        self._partition = gateway.services.topology.partition(attempt.region, attempt.key)
        self._next_seq = 0
        self._complete = False
        self._gap_reasons: dict[int, str] = {}

    async def available(self, from_line: int = 0) -> AsyncIterator[Piece]:
        """What there is by now, from the chunk that holds `from_line` on."""
        start = await self._position_at(from_line)
        async with aclosing(self._archived(start)) as pieces:
            async for piece in pieces:
                yield piece
        if not self._complete:
            async with aclosing(self._from_kafka(start, None)) as pieces:
                async for piece in pieces:
                    yield piece

    async def follow(self, from_line: int = 0) -> AsyncIterator[Piece]:
        """The same, and whatever comes, until the log ends."""
        archive = await self._position_at(from_line)
        rounds = 0
        while not self._complete:
            ...
