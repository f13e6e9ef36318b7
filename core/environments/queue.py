"""The lock of an environment and those who wait for it: who gets it, who is refused, and what the rest is told."""

from datetime import datetime, timedelta
from typing import Final

from core.environments import events as e
from core.environments.draft import Draft
from core.environments.reasons import explain, goes_through, refusal, shut
from core.environments.state import Entry, EnvironmentState

LOCK_TTL: Final = timedelta(seconds=300)


def settle(draft: Draft) -> None:
    """Whatever became possible is granted, and whatever is in the way is told."""
    freeze = draft.state.freeze
    if freeze is not None and freeze.until is not None and freeze.until <= draft.now:
        draft.tell(e.EnvironmentUnfrozen())
    for entry in draft.state.waiting:
        _drop(draft, entry)
    for entry in draft.state.waiting:
        grant(draft, entry)
    for entry in draft.state.waiting:
        why = explain(draft.state, entry, draft.now)
        if (why.reason, why.opens_at) != (entry.reason, entry.opens_at):
            told = e.WaitExplained(deployment_id=entry.deployment_id, reason=why.reason, opens_at=why.opens_at)
            draft.tell(told)


def _drop(draft: Draft, entry: Entry) -> None:
    """It can't be granted any more."""
    found = refusal(draft.state, entry)
    if found is not None:
        code, detail = found
        draft.tell(e.DeploymentRefused(deployment_id=entry.deployment_id, code=code, detail=detail))


def enter(draft: Draft, entry: Entry) -> None:
    """Granted, refused or queued, and told why."""
    if not grant(draft, entry):
        draft.tell(_queued(draft.state, entry, draft.now))


def grant(draft: Draft, entry: Entry) -> bool:
    """Whether the entry has the lock now."""
    state = draft.state
    closing = shut(state, entry, draft.now)
    if state.lock is not None or (closing is not None and not goes_through(entry)):
        return False
    overridden = entry.override_reason if closing is not None and not entry.urgent else ""
    if overridden and not entry.overridden:
        draft.tell(e.FreezeOverridden(deployment_id=entry.deployment_id, by=entry.by, reason=overridden))
    current = state.current
    watched = state.watched
    draft.tell(
        e.LockGranted(
            deployment_id=entry.deployment_id,
            rollout_id=entry.rollout_id,
            release=entry.release,
            epoch=state.epoch + 1,
            expires_at=draft.now + LOCK_TTL,
            current=current.release if current else None,
            previous=state.previous,
            overridden=overridden,
            by=entry.by,
            automatic=entry.automatic,
            urgent=entry.urgent,
            replaces=watched.deployment_id if watched and watched.until > draft.now else "",
        )
    )
    _quarantine_what_is_left(draft, entry)
    return True


def _quarantine_what_is_left(draft: Draft, entry: Entry) -> None:
    """A rollback says that what it leaves is no good, unless somebody only stops the rollout that brought it."""
    current = draft.state.current
    if not entry.urgent or current is None or current.release.id == entry.release.id:
        return
    stopped = current.rollout_id == entry.rollout_id and not entry.automatic
    if not stopped and current.release.id not in draft.state.quarantine:
        reason = f"rolled back to {entry.release.id} by {entry.by or 'somebody'}"
        told = e.ReleaseQuarantined(release_id=current.release.id, reason=reason, deployment_id=entry.deployment_id)
        draft.tell(told)


def _queued(state: EnvironmentState, entry: Entry, now: datetime) -> e.DeploymentQueued:
    why = explain(state, entry, now)
    return e.DeploymentQueued(
        deployment_id=entry.deployment_id,
        rollout_id=entry.rollout_id,
        release=entry.release,
        by=entry.by,
        automatic=entry.automatic,
        urgent=entry.urgent,
        freezes=entry.freezes,
        windows=entry.windows,
        override_reason=entry.override_reason,
        reason=why.reason,
        opens_at=why.opens_at,
    )
