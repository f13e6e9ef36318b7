"""How a deployment ends, and what is said about why. The lock goes back with the end."""

from datetime import datetime

from core.deployments import events as e
from core.deployments.draft import Draft
from core.environments.release import Release


def finish(
    draft: Draft,
    outcome: e.DeploymentOutcome,
    code: str = "",
    detail: str = "",
    now_on: Release | None = None,
    watch_until: datetime | None = None,
) -> None:
    state = draft.state
    draft.tell(
        e.DeploymentFinished(
            **state.place,
            rollout_id=state.rollout_id,
            kind=state.kind,
            release_id=state.goal.id,
            outcome=outcome,
            code=code,
            detail=detail,
            now_on=now_on,
            rollback_to=state.rollback_to,
            watch_until=watch_until,
            touched=state.action > 0,
        )
    )


def lose_lock(draft: Draft, detail: str) -> None:
    """Somebody else may own the environment: nothing more is asked of it."""
    finish(draft, "error", "lock-lost", detail)


def activate(draft: Draft, release: Release) -> None:
    """The environment shall remember that all traffic is on `release`."""
    draft.tell(e.ReleaseActivated(**draft.state.place, rollout_id=draft.state.rollout_id, release=release))


def end_watch(draft: Draft, reason: e.WatchReason) -> None:
    """After a breach it says once more what was breached, for the rollout."""
    state = draft.state
    code, detail = (state.cause.code, state.cause.detail) if state.cause else ("", "")
    draft.tell(e.WatchEnded(rollout_id=state.rollout_id, region=state.region, reason=reason, code=code, detail=detail))
