"""One job of a local run: the agent's own job runner, with the terminal in place of a hub."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.environment import machine_environment
from agents.executors.base import Executor
from agents.job_runner import JobRunner, JobTools
from agents.spool_store import SpoolStore
from core.protocol import messages as m
from core.protocol.logs import decode_chunk
from core.runs.commands import FinishJob
from core.runs.spec import JobSpec
from gateway.cli.live import log_line
from gateway.cli.output import console

SPOOL_BYTES = 64 << 20


class LocalJob:
    """One attempt; `held` names its lease. `cancel` may come at any time."""

    def __init__(self, spec: JobSpec, executor: Executor, data: Path, held: dict[str, Any]) -> None:
        self._spec = spec
        self._held = held
        self._store = SpoolStore(data / "spool", SPOOL_BYTES)
        tools = JobTools(
            executor, self._store, data / "jobs", machine_environment(), lambda: datetime.now(UTC), "http://127.0.0.1"
        )
        self._runner = JobRunner(spec, 0, self._store.create(spec.attempt_key, held["epoch"]), tools)

    @property
    def id(self) -> str:
        return self._spec.job_id

    def cancel(self, grace_seconds: int) -> None:
        self._runner.cancel(grace_seconds)

    async def run(self) -> FinishJob:
        """Runs the job, prints its log as it comes, and answers with its end."""
        console.print(f"▶ {self._spec.name}", style="cyan", markup=False)
        running = asyncio.create_task(self._runner.run())
        try:
            return await self._told()
        finally:
            await running
            self._store.discard(self._spec.attempt_key)

    async def _told(self) -> FinishJob:
        while True:
            message = m.decode_agent_message(await self._store.next_frame(SPOOL_BYTES))
            if isinstance(message, m.LogWritten):
                self._print_log(message)
            elif isinstance(message, m.JobFinished):
                return self._end(message)
            if isinstance(message, m.ReliableMessage):
                self._store.acknowledge(self._spec.attempt_key, message.number)

    def _print_log(self, message: m.LogWritten) -> None:
        for line in decode_chunk(message.chunk).lines:
            text = line.data.decode("utf-8", "replace")
            console.print(log_line({"job": self._spec.job_id, "stream": line.stream, "text": text}), soft_wrap=True)

    def _end(self, message: m.JobFinished) -> FinishJob:
        return FinishJob(
            outcome=message.outcome,
            reason=message.reason,
            detail=message.detail,
            steps=message.steps,
            outputs=message.outputs,
            log=message.log,
            **self._held,
        )
