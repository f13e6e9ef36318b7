"""Runs to begin a test with, and the words of agents and people."""

from typing import Any

from core.pipeline.plan import JobPlan, Need, Plan, StagePlan, Step
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from core.trigger import Trigger
from tests.support.given import START, Scene, given

ID = "eu-west-0123456789abcdef"


def request(**changes: Any) -> c.RequestRun:
    trigger: dict[str, Any] = {
        "trigger_id": "t1",
        "source": "push",
        "ref": "refs/heads/main",
        "branch": "main",
        "commit": "c1",
        "author": "ann",
    }
    return c.RequestRun(
        app="shop",
        number=7,
        trigger=Trigger(**(trigger | changes)),
        repository_url="https://forge/shop.git",
        default_branch="main",
        pipeline_path=".pipeline.yml",
    )


def requested(**changes: Any) -> Scene:
    return given(RUN, ID).when(request(**changes))


def job(name: str, **more: Any) -> JobPlan:
    return JobPlan(**({"id": name, "name": name, "steps": (Step(name="a", run="x"), Step(name="b", run="y"))} | more))


def stage(name: str, *needs: str | Need, jobs: tuple[JobPlan, ...] | None = None, **more: Any) -> StagePlan:
    edges = tuple(need if isinstance(need, Need) else Need(need) for need in needs)
    return StagePlan(name=name, jobs=(job(name),) if jobs is None else jobs, needs=edges, **more)


def matrix(name: str, count: int, *needs: str, **more: Any) -> StagePlan:
    return stage(name, *needs, jobs=tuple(job(f"{name}-{number}") for number in range(1, count + 1)), **more)


def plan(*stages: StagePlan, **more: Any) -> c.PlanRun:
    return c.PlanRun(plan=Plan(name="p", stages=stages, **more), commit="c1")


def running(*stages: StagePlan, **more: Any) -> Scene:
    return requested().when(plan(*stages, **more))


def start(name: str, attempt: int = 1, epoch: int = 1, agent: str = "a1") -> c.StartJob:
    return c.StartJob(job_id=name, attempt=attempt, epoch=epoch, agent_id=agent)


def step(
    name: str, index: int, outcome: Any = None, attempt: int = 1, epoch: int = 1, agent: str = "a1"
) -> c.ReportStep:
    return c.ReportStep(
        job_id=name, attempt=attempt, epoch=epoch, agent_id=agent, index=index, outcome=outcome, at=START
    )


def finish(
    name: str, outcome: Any = "success", attempt: int = 1, epoch: int = 1, agent: str = "a1", **more: Any
) -> c.FinishJob:
    return c.FinishJob(job_id=name, attempt=attempt, epoch=epoch, agent_id=agent, outcome=outcome, **more)


def work(scene: Scene, name: str, outcome: Any = "success", attempt: int = 1, **more: Any) -> Scene:
    """The job is accepted and ends."""
    scene.when(start(name, attempt))
    return scene.when(finish(name, outcome, attempt, **more))


def queued(scene: Scene) -> list[tuple[str, int]]:
    return [(event.job_id, event.attempt) for event in scene.all_told(e.JobQueued)]


def skipped(scene: Scene) -> dict[str, str]:
    return {event.stage: event.code for event in scene.all_told(e.StageSkipped)}


def cancel(**more: Any) -> c.CancelRun:
    return c.CancelRun(**({"by": "ann"} | more))


def approve(name: str, by: str, *groups: str, **more: Any) -> c.ApproveStage:
    return c.ApproveStage(stage=name, by=by, groups=groups, **more)


def rerun(mode: Any, name: str = "") -> c.RerunRun:
    return c.RerunRun(mode=mode, by="ann", stage=name)
