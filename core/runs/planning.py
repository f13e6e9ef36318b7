"""The beginning of a run: it is asked for, its pipeline is read (or can't be), and it may start."""

from datetime import timedelta
from typing import Final

from core.pipeline.plan import Plan
from core.runs import commands as c
from core.runs import events as e
from core.runs.draft import Draft
from core.runs.endings import run_error
from core.runs.stages import start_round

PLAN_TIMEOUT: Final = timedelta(minutes=10)


def request_run(draft: Draft, command: c.RequestRun) -> None:
    draft.tell(
        e.RunRequested(
            app=command.app,
            number=command.number,
            trigger=command.trigger,
            repository_url=command.repository_url,
            default_branch=command.default_branch,
            pipeline_path=command.pipeline_path,
            plan_by=draft.now + PLAN_TIMEOUT,
        )
    )


def plan_run(draft: Draft, command: c.PlanRun) -> None:
    fault = _fault(command.plan)
    if fault:
        draft.tell(run_error(draft.state, "plan-invalid", fault))
        return
    state = draft.state
    assert state.trigger is not None
    draft.tell(
        e.RunPlanned(
            app=state.app,
            plan=command.plan,
            commit=command.commit,
            title=command.title or state.trigger.title,
            author=command.author or state.trigger.author,
            default_branch=state.trigger.source == "push" and state.trigger.branch == state.default_branch,
            round=1,
            number=state.number,
            environments=command.environments,
        )
    )
    if command.plan.concurrency is None:
        start_round(draft)


def _fault(plan: Plan) -> str:
    """What the compiler should never let through, because a run could not end with it."""
    seen: set[str] = set()
    for stage in plan.stages:
        if stage.name in seen:
            return f"there are two stages '{stage.name}'"
        missing = next((need.stage for need in stage.needs if need.stage not in seen), None)
        if missing is not None:
            return f"stage '{stage.name}' needs '{missing}', which does not come before it"
        seen.add(stage.name)
    jobs = [job.id for stage in plan.stages for job in stage.jobs]
    return "" if len(set(jobs)) == len(jobs) else "two jobs have the same id"


def invalidate_run(draft: Draft, command: c.InvalidateRun) -> None:
    draft.tell(e.RunInvalidated(commit=command.commit, problems=command.problems))
    first = command.problems[0].message if command.problems else ""
    draft.tell(e.RunFinished(app=draft.state.app, outcome="invalid", round=0, code="pipeline-invalid", detail=first))


def ignore_run(draft: Draft, command: c.IgnoreRun) -> None:
    state = draft.state
    draft.tell(e.RunFinished(app=state.app, outcome="ignored", round=0, code=command.code, detail=command.reason))


def fail_run(draft: Draft, command: c.FailRun) -> None:
    draft.tell(run_error(draft.state, command.code, command.detail))


def admit_run(draft: Draft, command: c.AdmitRun) -> None:
    if command.round == draft.state.round:
        start_round(draft)
