"""A deployment and its environment's lock: it is asked for, waits for the lock, gets it or not, keeps or loses it."""

from typing import Final

from core.aggregate import Rejected
from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.draft import Draft
from core.deployments.endings import finish, lose_lock
from core.deployments.holds import advance
from core.deployments.rollback import ABORTED
from core.deployments.state import DeploymentState
from core.deployments.strategies import rollback_step, steps
from core.deployments.validation import problems
from core.deployments.wishes import brief
from core.environments.release import Release

# A freeze or a closed window may hold the lock back for days.
WAIT_SECONDS: Final = 7 * 24 * 3600
RENEW_SECONDS: Final = 100


def start(draft: Draft, command: c.StartDeployment) -> None:
    draft.tell(
        e.DeploymentRequested(
            app=command.app,
            environment=command.environment,
            region=command.region,
            rollout_id=command.rollout_id,
            release=command.release,
            settings=command.settings,
            kind=command.kind,
            by=command.by,
            automatic=command.automatic,
            override_reason=command.override_reason,
            give_up_at=draft.after(WAIT_SECONDS),
        )
    )
    wrong = problems(command.settings, command.region)
    if wrong:
        finish(draft, "error", wrong[0].code, f"{wrong[0].path}: {wrong[0].message}")


def admit(draft: Draft, command: c.AdmitDeployment) -> None:
    state = draft.state
    draft.tell(
        e.DeploymentStarted(
            epoch=command.epoch,
            steps=tuple(map(brief, _steps(state, command.current))),
            current=command.current,
            rollback_to=_way_back(state.goal, command),
            deadline_at=draft.after(state.plan.deadline_seconds),
            renew_at=draft.after(RENEW_SECONDS),
        )
    )
    if not state.paused:
        advance(draft)


def refuse(draft: Draft, command: c.RefuseDeployment) -> None:
    finish(draft, "error", command.code, command.detail)


def renew(draft: Draft) -> None:
    state = draft.state
    draft.tell(e.LockRenewalRequested(**state.place, epoch=state.epoch, next_at=draft.after(RENEW_SECONDS)))


def lose(draft: Draft, command: c.LoseLock) -> None:
    if command.epoch == draft.state.epoch:
        lose_lock(draft, f"the lock of environment '{draft.state.environment}' expired (epoch {command.epoch})")


def abort_waiting(draft: Draft, command: c.AbortDeployment) -> None:
    finish(draft, "aborted", ABORTED, command.reason or f"aborted by {command.by} before it began")


def wait_over(draft: Draft) -> None:
    days = WAIT_SECONDS // (24 * 3600)
    finish(draft, "error", "lock-timeout", f"environment '{draft.state.environment}' was not free for {days} days")


def too_early(draft: Draft, command: object) -> None:
    raise Rejected("deployment-waiting", f"deployment {draft.state.id} has not begun: it waits for its environment")


def _steps(state: DeploymentState, current: Release | None) -> tuple[e.Step, ...]:
    if state.kind == "rollback":
        return (rollback_step(state.plan, state.region, state.goal),)
    return steps(state.plan, state.region, current, state.goal)


def _way_back(goal: Release, command: c.AdmitDeployment) -> Release | None:
    """To what is there now; where that is the very release, to the last healthy one before it."""
    if command.current is not None and command.current.id == goal.id and command.previous is not None:
        return command.previous
    return command.current
