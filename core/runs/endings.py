"""How attempts, stages and runs end, and what is said about why."""

from typing import Any

from core.runs.events import JobFinished, RunFinished, RunOutcome, StageFinished
from core.runs.spec import Outcome
from core.runs.state import RunState, StageState

_NAMED = 3


def attempt_ending(
    state: RunState, job_id: str, attempt: int, outcome: Outcome, reason: str, detail: str = "", **more: Any
) -> JobFinished:
    """The end of the job's latest attempt. `more` are further fields of the event."""
    job = state.jobs[job_id]
    region, pool = state.place(job)
    return JobFinished(
        job_id=job_id,
        attempt=attempt,
        stage=job.stage,
        region=region,
        pool=pool,
        epoch=job.epoch if attempt == job.attempt else 0,
        outcome=outcome,
        reason=reason,
        detail=detail,
        **more,
    )


def stage_ending(state: RunState, name: str) -> StageFinished:
    """The stage ends as the worst of its jobs did."""
    outcome = state.stages[name].worst
    if state.stages[name].lost:
        return StageFinished(stage=name, outcome="error", code="lock-lost", detail=state.stages[name].lost)
    if outcome == "success":
        return StageFinished(stage=name, outcome="success")
    if outcome == "cancelled":
        return StageFinished(stage=name, outcome="cancelled", code="run-cancelled" if state.cancel else "cancelled")
    jobs = [job.id for job in state.stage_plan(name).jobs if state.jobs[job.id].outcome == outcome]
    told = [f"job '{job_id}': {state.jobs[job_id].reason or outcome}" for job_id in jobs[:_NAMED]]
    return StageFinished(stage=name, outcome=outcome, code="job-failed", detail=_listed(told, len(jobs)))


def run_ending(state: RunState) -> RunFinished:
    """failure: a stage failed that nobody allowed to; cancelled: something was cut short; error: ours, not theirs."""
    failed = [name for name, stage in _stages(state) if stage.outcome == "failure" and not _allowed(state, name)]
    broken = [name for name, stage in _stages(state) if stage.outcome == "error" and not _allowed(state, name)]
    cut = [name for name, stage in _stages(state) if stage.outcome == "cancelled" or stage.code == "run-cancelled"]
    if failed:
        return _run_finished(state, "failure", "stage-failed", _names("failed", failed))
    if cut:
        return _run_finished(state, "cancelled", state.cancel_reason, _names("cut short", cut))
    if broken:
        return _run_finished(state, "error", "stage-error", _names("broken off", broken))
    return _run_finished(state, "success")


def run_error(state: RunState, code: str, detail: str) -> RunFinished:
    return _run_finished(state, "error", code, detail)


def _run_finished(state: RunState, outcome: RunOutcome, code: str = "", detail: str = "") -> RunFinished:
    return RunFinished(app=state.app, outcome=outcome, round=state.round, code=code, detail=detail, group=state.group)


def _stages(state: RunState) -> list[tuple[str, StageState]]:
    assert state.plan is not None
    return [(plan.name, state.stages[plan.name]) for plan in state.plan.stages]


def _allowed(state: RunState, name: str) -> bool:
    """Whether everything that needs the stage goes on without it."""
    dependents = state.stages[name].dependents
    return bool(dependents) and all(
        need.allow_failure for other in dependents for need in state.stage_plan(other).needs if need.stage == name
    )


def _names(what: str, stages: list[str]) -> str:
    return f"{what}: {_listed(stages[:_NAMED], len(stages))}"


def _listed(shown: list[str], total: int) -> str:
    rest = f" and {total - len(shown)} more" if total > len(shown) else ""
    return ", ".join(shown) + rest
