"""One local run: the Run aggregate decides what comes next, exactly as on a server; jobs run here, one at a time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typer

from agents.environment import machine_environment
from agents.executors.base import Executor
from agents.job_runner import JobRunner, JobTools
from agents.spool_store import SpoolStore
from core.aggregate import Rejected
from core.pipeline.plan import Plan
from core.protocol import messages as m
from core.protocol.logs import decode_chunk
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from core.trigger import Trigger
from gateway.cli.live import log_line
from gateway.cli.output import console

RUN_ID = "local-0000000000000000"


class LocalRun:
    """`source` is a repository whose `commit` is the working tree."""

    def __init__(self, plan: Plan, executor: Executor, data: Path, source: Path, commit: str) -> None:
        self._plan = plan
        self._executor = executor
        self._data = data
        self._source = source
        self._commit = commit
        self._state = RUN.initial(RUN_ID)
        self._queued: list[e.JobQueued] = []

    async def run(self) -> str:
        """The outcome."""
        trigger = Trigger(trigger_id="local", source="manual", ref="refs/heads/main", commit=self._commit)
        self._tell(
            c.RequestRun(
                app=self._source.name,
                number=0,
                trigger=trigger,
                repository_url=self._source.as_uri(),
                default_branch="main",
                pipeline_path=".pipeline.yml",
            )
        )
        self._tell(c.PlanRun(plan=_without_concurrency(self._plan), commit=self._commit))
        while self._state.status != "finished":
            if self._queued:
                await self._job(self._queued.pop(0))
            elif not self._ask_for_approval():
                self._tell(c.CancelRun(by="local", detail="nothing is left that could run"))
        return str(self._state.outcome)

    def _tell(self, command: Any) -> None:
        try:
            events = RUN.decide(self._state, command, datetime.now(UTC))
        except Rejected as error:
            console.print(f"{error.detail} [{error.code}]", style="red")
            return
        for event in events:
            self._state = RUN.evolve(self._state, event)
            if isinstance(event, e.JobQueued):
                self._queued.append(event)
            elif isinstance(event, e.StageSkipped):
                console.print(f"↷ {event.stage}: {event.reason}", style="dim")

    def _ask_for_approval(self) -> bool:
        for name, stage in self._state.stages.items():
            if stage.status == "approval":
                agreed = typer.confirm(f"⏸ {name} waits for approval. Go on?")
                self._tell(c.ApproveStage(stage=name, by=f"local-{len(stage.approvals)}", groups=(), approve=agreed))
                return True
        return False

    async def _job(self, queued: e.JobQueued) -> None:
        job, attempt = queued.job_id, queued.attempt
        self._tell(c.StartJob(job_id=job, attempt=attempt, epoch=1, agent_id="local"))
        spools, jobs = self._data / "spool", self._data / "jobs"
        for folder in (spools, jobs):
            folder.mkdir(exist_ok=True)
        store = SpoolStore(spools, 1 << 30)
        spool = store.create(queued.spec.attempt_key, 1)
        tools = JobTools(
            self._executor, store, jobs, machine_environment(), lambda: datetime.now(UTC), "http://127.0.0.1"
        )
        console.print(f"▶ {queued.spec.name}", style="cyan")
        await JobRunner(queued.spec, 0, spool, tools).run()
        while (frame := spool.next_frame()) is not None:
            self._report(job, attempt, m.decode_agent_message(frame))
        store.discard(queued.spec.attempt_key)

    def _report(self, job: str, attempt: int, message: m.AgentMessage) -> None:
        if isinstance(message, m.LogWritten):
            for line in decode_chunk(message.chunk).lines:
                text = line.data.decode("utf-8", "replace")
                console.print(log_line({"job": job, "stream": line.stream, "text": text}), soft_wrap=True)
        elif isinstance(message, m.JobFinished):
            mark = "[green]✓[/green]" if message.outcome == "success" else f"[red]✗ {message.detail}[/red]"
            console.print(f"{mark} {job}")
            self._tell(
                c.FinishJob(
                    job_id=job,
                    attempt=attempt,
                    epoch=1,
                    agent_id="local",
                    outcome=message.outcome,
                    reason=message.reason,
                    detail=message.detail,
                    steps=message.steps,
                    outputs=message.outputs,
                    log=message.log,
                )
            )


def _without_concurrency(plan: Plan) -> Plan:
    return msgspec.structs.replace(plan, concurrency=None)
