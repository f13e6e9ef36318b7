"""One local run: the Run aggregate decides what comes next, exactly as on a server; jobs run here, one at a time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typer

from agents.executors.base import Executor
from core.aggregate import Rejected
from core.pipeline.plan import Plan
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from core.trigger import Trigger
from gateway.cli.local_job import run_job
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
                await self._work(self._queued.pop(0))
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

    async def _work(self, queued: e.JobQueued) -> None:
        held: dict[str, Any] = {"job_id": queued.job_id, "attempt": queued.attempt, "epoch": 1, "agent_id": "local"}
        self._tell(c.StartJob(**held))
        self._tell(await run_job(queued.spec, self._executor, self._data, held))

    def _ask_for_approval(self) -> bool:
        for name, stage in self._state.stages.items():
            if stage.status == "approval":
                agreed = typer.confirm(f"⏸ {name} waits for approval. Go on?")
                self._tell(c.ApproveStage(stage=name, by=f"local-{len(stage.approvals)}", groups=(), approve=agreed))
                return True
        return False


def _without_concurrency(plan: Plan) -> Plan:
    return msgspec.structs.replace(plan, concurrency=None)
