"""The rollout's decisions: one table of what each command does in each state.

new         nothing is known of it
approval    it waits for people, holding no lock
preparing   its pre-deploy command runs
deploying   the deployments of a wave are under way (or halted: some failed)
baking      a wave is complete; the next one waits for time and requests
watching    all regions are done, and may still be found at fault
returning   it goes back
finished    it is over, and nothing of it is under way or watched

- Every wave begins when all regions of the one before have been on the release, healthy, for the bake's time.
- A region that fails takes all back (rollback_all), or halts the rollout until somebody resumes or aborts it.
- A pause or halt lets what is under way end, and starts nothing; going back is never held up.
- What has already happened is not an error: such a repetition changes nothing. What people ask too late is refused.

| waiting for                    | at the longest      | then                                                 |
|--------------------------------|---------------------|------------------------------------------------------|
| approvals                      | their timeout       | rejected, `approval-expired`                         |
| the pre-deploy command         | its timeout + 120 s | it counts as failed                                  |
| deployments                    | their own deadlines | they say how they ended                              |
| requests, while it bakes       | give_up_seconds     | halted, `bake-too-few-requests`                      |
| people, while halted or paused | 7 days              | it ends, `halt-expired`; what is under way goes back |
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from core.aggregate import Rejected, Tick
from core.eventlog.serialization import Message
from core.rollouts import approvals, asking, notes, starting
from core.rollouts import commands as c
from core.rollouts.deadlines import expire
from core.rollouts.draft import Draft
from core.rollouts.state import RolloutState, RolloutStatus

Handler = Callable[[Draft, Any], None]


def decide(state: RolloutState, command: Any, now: datetime) -> tuple[Message, ...]:
    """The events the command leads to. Raises Rejected."""
    draft = Draft(state, now)
    if isinstance(command, Tick):
        expire(draft, state.timers.expired(now))
    else:
        _TRANSITIONS[type(command)][state.status](draft, command)
    return tuple(draft.events)


def deadline(state: RolloutState) -> datetime | None:
    return state.timers.first()


def finished(state: RolloutState) -> bool:
    """Whether the rollout may leave memory."""
    return state.status in ("new", "finished")


def _nothing(draft: Draft, command: Any) -> None:
    """It is already so."""


def _unknown(draft: Draft, command: Any) -> None:
    raise Rejected("rollout-unknown", f"there is no rollout {draft.state.id}")


def _over(draft: Draft, command: Any) -> None:
    state = draft.state
    if state.code == "approval-expired" and isinstance(command, c.ApproveRollout):
        raise approvals.expired(state)
    raise Rejected("rollout-finished", f"rollout {state.id} is over: {state.outcome}")


def _unapproved(draft: Draft, command: Any) -> None:
    raise Rejected("approval-pending", f"rollout {draft.state.id} waits for approvals; approve or abort it")


def _unasked(draft: Draft, command: Any) -> None:
    raise Rejected("approval-not-pending", f"rollout {draft.state.id} does not wait for an approval")


def _not_now(draft: Draft, command: Any) -> None:
    state = draft.state
    doing = "goes back" if state.status == "returning" else f"is {state.status}"
    raise Rejected("not-now", f"rollout {state.id} {doing}, so this can't be done to it")


def _row(otherwise: Handler, new: Handler = _unknown, **at: Handler) -> dict[RolloutStatus, Handler]:
    row: dict[RolloutStatus, Handler] = {status: at.get(status, otherwise) for status in _STATES}
    row["new"] = new
    return row


def _people(approval: Handler, returning: Handler, **at: Handler) -> dict[RolloutStatus, Handler]:
    return _row(_not_now, approval=approval, returning=returning, finished=_over, **at)


_STATES: tuple[RolloutStatus, ...] = (
    "approval",
    "preparing",
    "deploying",
    "baking",
    "watching",
    "returning",
    "finished",
)

_TRANSITIONS: dict[type[Any], dict[RolloutStatus, Handler]] = {
    c.StartRollout: _row(_nothing, new=starting.start_rollout),
    c.ApproveRollout: _people(approvals.approve_rollout, _unasked, **dict.fromkeys(_STATES[1:5], _unasked)),
    c.ReportHook: _row(_nothing, preparing=notes.report_hook, returning=notes.report_hook),
    c.NoteDeployment: _row(
        _nothing,
        deploying=notes.note_deployment,
        baking=notes.note_deployment,
        watching=notes.note_deployment,
        returning=notes.note_deployment,
    ),
    c.NoteRequests: _row(_nothing, deploying=notes.note_requests, baking=notes.note_requests),
    c.PauseRollout: _people(_unapproved, _not_now, preparing=asking.pause, deploying=asking.pause, baking=asking.pause),
    c.ResumeRollout: _people(
        _unapproved,
        _not_now,
        preparing=asking.resume,
        deploying=asking.resume,
        baking=asking.resume,
        watching=asking.resume,
    ),
    c.PromoteRollout: _people(_unapproved, _not_now, deploying=asking.promote, baking=asking.promote),
    c.AbortRollout: _people(
        asking.abort_unapproved,
        _nothing,
        preparing=asking.abort,
        deploying=asking.abort,
        baking=asking.abort,
        watching=asking.abort,
    ),
}
