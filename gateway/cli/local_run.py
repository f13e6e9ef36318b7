"""One local run: the Run aggregate decides what comes next, exactly as on a server; jobs run here, one at a time."""

import asyncio
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.text import Text

from agents.executors.base import Executor
from core.aggregate import Rejected
from core.pipeline.plan import Plan
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from core.trigger import Trigger
from gateway.cli.dag import Node, Picture
from gateway.cli.local_job import LocalJob
from gateway.cli.local_tree import Tree
from gateway.cli.output import STATE_STYLE, console, duration
from gateway.cli.run_view import mark

RUN_ID = "local-0000000000000000"


class LocalRun:
    """`tree` is the working tree as a repository. `approve` answers every approval, None asks on the terminal."""

    def __init__(self, plan: Plan, executor: Executor, data: Path, tree: Tree, approve: bool | None) -> None:
        self._plan = plan
        self._executor = executor
        self._data = data
        self._tree = tree
        self._approve = approve
        self._state = RUN.initial(RUN_ID)
        self._queued: list[e.JobQueued] = []
        self._job: LocalJob | None = None
        self._took: dict[str, float] = {}
        self.interrupted = False

    async def run(self) -> str:
        """The outcome."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        try:
            self._start()
            while self._state.status != "finished":
                if self._queued:
                    await self._work(self._queued.pop(0))
                elif not self._ask_for_approval(loop):
                    self._tell(c.CancelRun(by="local", detail="nothing is left that could run"))
        finally:
            loop.remove_signal_handler(signal.SIGINT)
        console.print(Picture([self._node(name) for name in self._state.stages]))
        return str(self._state.outcome)

    def _start(self) -> None:
        trigger = Trigger(
            trigger_id="local",
            source="manual",
            ref=f"refs/heads/{self._tree.branch}",
            branch=self._tree.branch,
            commit=self._tree.commit,
            author=self._tree.actor,
        )
        self._tell(
            c.RequestRun(
                app=self._tree.app,
                number=0,
                trigger=trigger,
                repository_url=self._tree.copy.as_uri(),
                default_branch=self._tree.branch,
                pipeline_path=".pipeline.yml",
            )
        )
        # Nothing else of the app runs here.
        alone = msgspec.structs.replace(self._plan, concurrency=None)
        self._tell(c.PlanRun(plan=alone, commit=self._tree.commit))

    def _tell(self, command: Any) -> None:
        try:
            events = RUN.decide(self._state, command, datetime.now(UTC))
        except Rejected as error:
            console.print(f"{error.detail} [{error.code}]", style="red", markup=False)
            return
        for event in events:
            self._state = RUN.evolve(self._state, event)
            self._react(event)

    def _react(self, event: Any) -> None:
        match event:
            case e.JobQueued():
                self._queued.append(event)
            case e.JobFinished():
                # Fail-fast and a cancel end jobs that have not begun.
                self._queued = [each for each in self._queued if each.job_id != event.job_id]
            case e.JobCancelRequested() if self._job is not None and self._job.id == event.job_id:
                self._job.cancel(event.grace_seconds)
            case e.StageDeployRequested():
                console.print(f"↷ {event.stage}: a local run deploys nothing ({event.environment})", style="dim")
                self._tell(c.FinishDeploy(stage=event.stage, round=event.round, outcome="success"))
            case e.StageProtectionRequested():
                # Nobody else is there, and nobody is asked for an environment that this machine can't protect.
                self._tell(c.NoteProtection(stage=event.stage, round=event.round))
            case e.StageSkipped():
                console.print(f"↷ {event.stage}: {event.reason}", style="dim", markup=False)

    async def _work(self, queued: e.JobQueued) -> None:
        held: dict[str, Any] = {"job_id": queued.job_id, "attempt": queued.attempt, "epoch": 1, "agent_id": "local"}
        self._tell(c.StartJob(**held))
        began = time.monotonic()
        self._job = LocalJob(queued.spec, self._executor, self._data, held)
        end = await self._job.run()
        self._job = None
        took = time.monotonic() - began
        self._took[queued.stage] = self._took.get(queued.stage, 0.0) + took
        why = f": {end.detail or end.reason}" if end.outcome != "success" else ""
        name = (queued.spec.name, STATE_STYLE.get(end.outcome, ""))
        line = Text.assemble(mark(end.outcome), " ", name, why, (f"  {duration(took)}", "dim"))
        console.print(line, soft_wrap=True)
        self._tell(end)

    def _interrupted(self) -> None:
        """The first Ctrl-C cancels as on a server, with time to clean up; the second stops whatever still runs."""
        self.interrupted = True
        if self._state.cancel:
            console.print("stopping at once", style="yellow")
            self._tell(c.CancelRun(by="local", detail="interrupted twice", force=True))
            if self._job is not None:
                self._job.cancel(0)
            return
        console.print("cancelling: the step has 10 s to end; Ctrl-C again stops everything at once", style="yellow")
        self._tell(c.CancelRun(by="local", detail="interrupted"))

    def _ask_for_approval(self, loop: asyncio.AbstractEventLoop) -> bool:
        waiting = next((name for name, stage in self._state.stages.items() if stage.status == "approval"), None)
        if waiting is None:
            return False
        approve = self._approve
        if approve is None:
            # While it waits for a key, Ctrl-C has to reach the question.
            loop.remove_signal_handler(signal.SIGINT)
            approve = _asked(waiting)
            loop.add_signal_handler(signal.SIGINT, self._interrupted)
        if approve is None:
            console.print(f"no answer for {waiting}: the run is cancelled (--yes approves everything)", style="yellow")
            self._tell(c.CancelRun(by="local", detail=f"no answer for {waiting}"))
            return True
        console.print(f"{'✓' if approve else '✗'} {waiting}: {'approved' if approve else 'rejected'}", markup=False)
        given = len(self._state.stages[waiting].approvals)
        self._tell(c.ApproveStage(stage=waiting, by=f"local-{given}", groups=(), approve=approve))
        return True

    def _node(self, name: str) -> Node:
        stage = self._state.stages[name]
        word = stage.outcome or "pending"
        label = Text.assemble(mark(word), " ", (name, STATE_STYLE.get(word, "")))
        if name in self._took:
            label.append(f" {duration(self._took[name])}", style="dim")
        return Node(name, label, tuple(need.stage for need in self._state.stage_plan(name).needs))


def _asked(stage: str) -> bool | None:
    """None when there is nobody to ask."""
    try:
        return typer.confirm(f"⏸ {stage} waits for approval. Go on?")
    except typer.Abort:
        console.print()
        return None
