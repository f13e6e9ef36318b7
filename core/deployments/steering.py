"""What people do to a deployment under way: pause it, let it go on, end a wait, take it back."""

from core.aggregate import Rejected
from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.draft import Draft
from core.deployments.holds import advance, settle, until
from core.deployments.rollback import ABORTED, trigger


def pause(draft: Draft, command: c.PauseDeployment) -> None:
    state = draft.state
    if state.kind == "rollback":
        raise Rejected("rollback-running", f"deployment {state.id} is a rollback; it is not paused on its way")
    if state.paused:
        return
    ends = state.timers.due.get("hold")
    remaining = max((ends - draft.now).total_seconds(), 0.0) if ends else None
    draft.tell(e.DeploymentPaused(by=command.by, reason=command.reason, remaining_seconds=remaining))


def resume(draft: Draft, command: c.ResumeDeployment) -> None:
    state = draft.state
    if not state.paused:
        return
    ends = until(draft, state.remaining) if state.status == "holding" else None
    draft.tell(e.DeploymentResumed(by=command.by, hold_until=ends))
    settle(draft)


def promote(draft: Draft, command: c.PromoteDeployment) -> None:
    state = draft.state
    if state.paused:
        raise Rejected("deployment-paused", f"deployment {state.id} is paused: resume it before you promote it")
    if state.status == "acting" and not command.full:
        name = state.steps[state.step].name
        raise Rejected("step-not-reached", f"step '{name}' is not reached yet: there is no wait to end")
    if state.full:
        return
    draft.tell(e.DeploymentPromoted(by=command.by, full=command.full))
    if state.status == "holding":
        advance(draft, by_hand=True)


def abort(draft: Draft, command: c.AbortDeployment) -> None:
    reason = f": {command.reason}" if command.reason else ""
    trigger(draft, ABORTED, f"aborted by {command.by}{reason}", by=command.by)
