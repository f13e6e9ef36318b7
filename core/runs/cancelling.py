"""Cancelling a run: what runs is stopped, what waits is skipped.

Stages whose `if` has always() or cancelled() live on: they are not stopped, and run when their turn comes. A
second, forced cancel ends those too.
"""

from core.pipeline.plan import StagePlan
from core.runs import events as e
from core.runs.commands import CancelRun
from core.runs.conditions import outlives
from core.runs.deploying import stop_deploy
from core.runs.draft import Draft
from core.runs.stages import after_job, settle
from core.runs.stopping import stop_jobs


def cancel_unplanned(draft: Draft, command: CancelRun) -> None:
    _request(draft, command)
    state = draft.state
    draft.tell(e.RunFinished(app=state.app, outcome="cancelled", round=0, code=command.reason, detail=command.detail))


def cancel_queued(draft: Draft, command: CancelRun) -> None:
    """The round never started: nothing of it does, not even an always()."""
    if _other_round(draft, command):
        return
    _request(draft, command)
    for plan in _plans(draft):
        if draft.state.stages[plan.name].status == "waiting":
            _skip(draft, plan.name)
    settle(draft)


def cancel_running(draft: Draft, command: CancelRun) -> None:
    if _other_round(draft, command) or draft.state.cancel == ("forced" if command.force else "requested"):
        return
    if draft.state.cancel == "forced":
        return
    _request(draft, command)
    for plan in _plans(draft):
        if not outlives(draft.state, plan):
            _stop_stage(draft, plan.name, command.reason)
    settle(draft)


def _other_round(draft: Draft, command: CancelRun) -> bool:
    return command.round not in (0, draft.state.round)


def _request(draft: Draft, command: CancelRun) -> None:
    draft.tell(e.RunCancelRequested(by=command.by, reason=command.reason, detail=command.detail, force=command.force))


def _plans(draft: Draft) -> tuple[StagePlan, ...]:
    return draft.state.plan.stages if draft.state.plan else ()


def _stop_stage(draft: Draft, name: str, reason: str) -> None:
    status = draft.state.stages[name].status
    if status in ("waiting", "entering"):
        _skip(draft, name)
    elif status == "approval":
        draft.tell(e.ApprovalDecided(stage=name, decision="withdrawn"))
        _skip(draft, name)
    elif status == "running":
        stop_jobs(draft, name, reason)
        after_job(draft, name)
    elif status == "deploying":
        stop_deploy(draft, name, reason)


def _skip(draft: Draft, name: str) -> None:
    draft.tell(e.StageSkipped(stage=name, code="run-cancelled", reason="the run was cancelled"))
