"""The Deployment's decisions: one table of what each command does in each state.

new           nothing is known of it
waiting       it wants its environment's lock
acting        it holds the lock, and the target is on its way to a step
holding       the step is reached, and stays for its time or until somebody promotes it (before the first: paused)
rolling_back  the target is on its way back
watching      it is complete and has given the lock back; a breach still counts
finished      it is over

waiting --Admit--> acting --ReportTarget--> holding --hold over, promote--> acting ... --last step--> watching, finished
                     `--refused, silence--.    `--breach, abort, deadline--.
                                           `----> rolling_back <-----------'  --ReportTarget--> finished

- What has already happened is not an error: such a repetition changes nothing.
- Who acts for a deployment (deployer, sampler) must have the epoch of its lock; an old one is `stale-epoch`.
- An answer to an older action or sample is an echo, and changes nothing; one to a later is refused.
- A lost lock ends it at once: somebody else may own the environment.
- Nothing is asked of target or sampler after its end.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from core.aggregate import Rejected, Tick
from core.deployments import actions, beginning, health, samples, steering, watching
from core.deployments import commands as c
from core.deployments.deadlines import expire
from core.deployments.draft import Draft
from core.deployments.state import DeploymentState, Status
from core.eventlog.serialization import Message

Handler = Callable[[Draft, Any], None]


def decide(state: DeploymentState, command: Any, now: datetime) -> tuple[Message, ...]:
    """The events the command leads to. Raises Rejected."""
    draft = Draft(state, now)
    if isinstance(command, Tick):
        expire(draft, command)
    else:
        _TRANSITIONS[type(command)][state.status](draft, command)
    return tuple(draft.events)


def finished(state: DeploymentState) -> bool:
    """Whether the deployment may leave memory."""
    return state.status in ("new", "finished")


def _nothing(draft: Draft, command: Any) -> None:
    """It is already so, or no longer matters."""


def _unknown(draft: Draft, command: Any) -> None:
    raise Rejected("deployment-unknown", f"there is no deployment {draft.state.id}")


def _going_back(draft: Draft, command: Any) -> None:
    cause = draft.state.cause
    raise Rejected("rolling-back", f"deployment {draft.state.id} is going back ({cause.code if cause else ''})")


def _over(draft: Draft, command: Any) -> None:
    detail = f"deployment {draft.state.id} is over: {draft.state.outcome}; to take a release back, roll back"
    raise Rejected("deployment-finished", detail)


def _row(otherwise: Handler, new: Handler = _unknown, **at: Handler) -> dict[Status, Handler]:
    row: dict[Status, Handler] = {status: at.get(status, otherwise) for status in _STATES}
    row["new"] = new
    return row


def _under_way(waiting: Handler, acting: Handler, holding: Handler, rolling_back: Handler) -> dict[Status, Handler]:
    """What people do to a deployment under way."""
    return _row(_over, waiting=waiting, acting=acting, holding=holding, rolling_back=rolling_back)


_STATES: tuple[Status, ...] = ("waiting", "acting", "holding", "rolling_back", "watching", "finished")
_EARLY, _ACT, _WELL, _SAMPLE = beginning.too_early, actions.report_target, health.report_health, samples.record_sample

_TRANSITIONS: dict[type[Any], dict[Status, Handler]] = {
    c.StartDeployment: _row(_nothing, new=beginning.start),
    c.AdmitDeployment: _row(_nothing, waiting=beginning.admit),
    c.RefuseDeployment: _row(_nothing, waiting=beginning.refuse),
    c.LoseLock: _row(_nothing, acting=beginning.lose, holding=beginning.lose, rolling_back=beginning.lose),
    c.EndWatch: _row(_nothing, watching=watching.supersede),
    c.ReportTarget: _row(_ACT, waiting=_EARLY, finished=_nothing),
    c.ReportHealth: _row(_WELL, waiting=_EARLY, finished=_nothing),
    c.RecordSample: _row(_SAMPLE, waiting=_EARLY, finished=_nothing),
    c.PauseDeployment: _under_way(steering.pause, steering.pause, steering.pause, _going_back),
    c.ResumeDeployment: _under_way(steering.resume, steering.resume, steering.resume, _going_back),
    c.PromoteDeployment: _under_way(_EARLY, steering.promote, steering.promote, _going_back),
    c.AbortDeployment: _under_way(beginning.abort_waiting, steering.abort, steering.abort, _nothing),
}
