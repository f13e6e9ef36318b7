"""The logs of all jobs of a run in one stream: those that ended one after the other, those that run side by side."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.realtime.log_lines import Line, Notice, lines_of
from gateway.realtime.log_viewer import LogViewer
from gateway.realtime.run_watch import run_documents
from gateway.state import GatewayState
from projections.queries.attempts import AttemptState, attempt_state
from projections.queries.run_types import Attempt, RunDetail

QUEUED_BATCHES = 32
ENDED_AT_ONCE = 1

Batch = list[Line | Notice]


async def run_lines(gateway: GatewayState, run_id: str) -> AsyncGenerator[Batch, None]:
    """Batches of lines, each job's in order, until the run and all its logs ended. Raises LogUnavailable."""
    merged = _Merged(gateway, run_id)
    work = asyncio.create_task(merged.fill())
    try:
        while (batch := await merged.batches.get()) is not None:
            yield batch
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


class _Merged:
    """One viewer per attempt, all writing into one bounded queue; None ends it."""

    def __init__(self, gateway: GatewayState, run_id: str) -> None:
        self._gateway = gateway
        self._run_id = run_id
        self._seen: set[str] = set()
        self._ended = asyncio.Semaphore(ENDED_AT_ONCE)
        self.batches: asyncio.Queue[Batch | None] = asyncio.Queue(QUEUED_BATCHES)

    async def fill(self) -> None:
        """Raises what ended it early, after the None."""
        failed: Exception | None = None
        try:
            async with asyncio.TaskGroup() as viewers:
                async for document in run_documents(self._gateway, self._run_id):
                    for job, attempt in _begun(document):
                        if attempt.key not in self._seen:
                            self._seen.add(attempt.key)
                            viewers.create_task(self._follow(job, attempt))
        except* Exception as group:
            failed = group.exceptions[0]
        await self.batches.put(None)
        if failed is not None:
            raise failed

    async def _follow(self, job: str, attempt: Attempt) -> None:
        state = await attempt_state(self._gateway.services.db, self._run_id, job, attempt.attempt)
        if state is None:
            return
        if attempt.state != "finished":
            await self._view(state)
            return
        async with self._ended:
            await self._view(state)

    async def _view(self, state: AttemptState) -> None:
        async with aclosing(LogViewer(self._gateway.logs, state).follow()) as pieces:
            async for piece in pieces:
                await self.batches.put(lines_of(state.job_id, state.attempt, piece))


def _begun(document: RunDetail) -> list[tuple[str, Attempt]]:
    """Attempts that have a log or will have one, in the order they began."""
    begun = [
        (job.id, attempt)
        for stage in document.stages
        for job in stage.jobs
        for attempt in job.attempts
        if attempt.started_at is not None
    ]
    return sorted(begun, key=lambda each: str(each[1].started_at))
