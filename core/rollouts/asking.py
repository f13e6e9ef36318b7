"""Pause, resume, promote and abort: what people may ask of a rollout that is under way."""

from typing import Final

from core.aggregate import Rejected
from core.rollouts import commands as c
from core.rollouts import events as e
from core.rollouts.draft import Draft
from core.rollouts.endings import finish
from core.rollouts.notes import go_on
from core.rollouts.returning import go_back
from core.rollouts.state import Cause, RegionStatus
from core.rollouts.steering import STOP_LIMIT, steer
from core.rollouts.waves import end_bake_early, start_bake

_NOT_WELL: Final[tuple[RegionStatus, ...]] = ("failed", "unclear", "breached", "returning", "back", "stuck")


def pause(draft: Draft, command: c.PauseRollout) -> None:
    if draft.state.paused:
        return
    expires_at = draft.now + STOP_LIMIT
    draft.tell(e.RolloutPaused(by=command.by, reason=command.reason, expires_at=expires_at))
    steer(draft, "pause", command.by, command.reason)


def resume(draft: Draft, command: c.ResumeRollout) -> None:
    state = draft.state
    if not state.paused and not state.halted:
        raise Rejected("rollout-not-paused", f"rollout {state.id} is neither paused nor halted")
    paused, bake = state.paused, state.bake
    draft.tell(e.RolloutResumed(by=command.by))
    if paused:
        steer(draft, "resume", command.by)
    if state.status == "baking" and bake is not None:
        start_bake(draft, max((bake.until - draft.now).total_seconds(), 0))
    go_on(draft)


def promote(draft: Draft, command: c.PromoteRollout) -> None:
    """The step that the deployments hold, or the bake between two waves, whichever it is."""
    state = draft.state
    if state.status == "baking" and not state.of(*_NOT_WELL):
        if state.paused or state.halted:
            draft.tell(e.RolloutResumed(by=command.by))
        end_bake_early(draft, command.by)
    elif state.of("running"):
        steer(draft, "promote_full" if command.full else "promote", command.by)
    else:
        raise Rejected("nothing-to-promote", f"rollout {state.id} waits for nothing that could be ended early")


def abort(draft: Draft, command: c.AbortRollout) -> None:
    go_back(draft, Cause("aborted", command.reason or f"aborted by {command.by}", command.by or "somebody"))


def abort_unapproved(draft: Draft, command: c.AbortRollout) -> None:
    draft.tell(e.RolloutApprovalDecided(decision="withdrawn", by=command.by, comment=command.reason))
    draft.tell(e.RolloutAborted(by=command.by, reason=command.reason))
    finish(draft, "aborted", "aborted", command.reason or f"aborted by {command.by}")
