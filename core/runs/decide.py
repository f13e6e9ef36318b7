"""The Run's decisions: one table of what each command does in each state.

new        nothing is known of the run
requested  it exists; its pipeline file is being read
queued     it is planned, and waits for its concurrency group to admit it
running    its stages run, or wait for people
finished   the round is over; a re-run starts the next

- What has already happened is not an error: such a repetition changes nothing.
- What speaks for an attempt of a job is checked against its lease (attempts.py).
- What comes too late for a run that is over is refused, so that the sender knows.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from core.aggregate import Rejected, Tick
from core.runs import approvals, attempts, cancelling, environment_notes, planning, rerunning, rollout_notes
from core.runs import commands as c
from core.runs.deadlines import expire
from core.runs.draft import Draft, Events
from core.runs.state import RunState, RunStatus

Handler = Callable[[Draft, Any], None]


def decide(state: RunState, command: Any, now: datetime) -> Events:
    """The events the command leads to. Raises Rejected."""
    draft = Draft(state, now)
    if isinstance(command, Tick):
        expire(draft, state.timers.expired(now))
    else:
        _TRANSITIONS[type(command)][state.status](draft, command)
    return tuple(draft.events)


def finished(state: RunState) -> bool:
    """Whether the run may leave memory."""
    return state.status in ("new", "finished")


def _nothing(draft: Draft, command: Any) -> None:
    """It is already so."""


def _unknown(draft: Draft, command: Any) -> None:
    raise Rejected("run-unknown", f"there is no run {draft.state.id}")


def _too_early(draft: Draft, command: Any) -> None:
    raise Rejected("run-not-started", f"run {draft.state.id} has not started: it is {draft.state.status}")


def _over(draft: Draft, command: Any) -> None:
    raise Rejected("run-finished", f"run {draft.state.id} is over: {draft.state.outcome}")


def _active(draft: Draft, command: Any) -> None:
    raise Rejected("run-active", f"run {draft.state.id} is {draft.state.status}; cancel it or wait for its end")


def _late_plan(draft: Draft, command: Any) -> None:
    if draft.state.plan is None:
        _over(draft, command)


def _row(otherwise: Handler, new: Handler = _unknown, **at: Handler) -> dict[RunStatus, Handler]:
    row: dict[RunStatus, Handler] = {status: at.get(status, otherwise) for status in _STATES}
    row["new"] = new
    return row


_STATES: tuple[RunStatus, ...] = ("requested", "queued", "running", "finished")

_TRANSITIONS: dict[type[Any], dict[RunStatus, Handler]] = {
    c.RequestRun: _row(_nothing, new=planning.request_run),
    c.PlanRun: _row(_nothing, requested=planning.plan_run, finished=_late_plan),
    c.InvalidateRun: _row(_nothing, requested=planning.invalidate_run),
    c.IgnoreRun: _row(_nothing, requested=planning.ignore_run),
    c.FailRun: _row(_nothing, requested=planning.fail_run),
    c.AdmitRun: _row(_nothing, queued=planning.admit_run),
    c.StartJob: _row(attempts.start_job, requested=_too_early),
    c.ReportStep: _row(attempts.report_step, requested=_too_early),
    c.FinishJob: _row(attempts.finish_job, requested=_too_early),
    c.LoseJob: _row(attempts.lose_job, requested=_too_early),
    c.ExplainJob: _row(_nothing, running=attempts.explain_job),
    c.MoveJob: _row(attempts.refuse_move, running=attempts.move_job),
    c.RefuseJob: _row(_nothing, running=attempts.refuse_job),
    c.NoteRollout: _row(rollout_notes.note_rollout, requested=_too_early),
    c.FinishDeploy: _row(_nothing, running=rollout_notes.finish_deploy),
    c.NoteProtection: _row(_nothing, running=environment_notes.note_protection),
    c.AdmitStage: _row(_nothing, running=environment_notes.admit_stage),
    c.DenyStage: _row(_nothing, running=environment_notes.deny_stage),
    c.ApproveStage: _row(_too_early, running=approvals.approve_stage, finished=_over),
    c.CancelRun: _row(
        _over,
        requested=cancelling.cancel_unplanned,
        queued=cancelling.cancel_queued,
        running=cancelling.cancel_running,
    ),
    c.RerunRun: _row(_active, finished=rerunning.rerun_run),
}
