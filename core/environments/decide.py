"""The environment's decisions.

| command           | does                                                            | repeated or too late        |
|-------------------|-----------------------------------------------------------------|-----------------------------|
| EnterEnvironment  | the lock is granted, or the deployment waits, or it is refused  | nothing                     |
| RenewLock         | the lock lasts 300 s from now                                   | `lock-not-held`             |
| LeaveEnvironment  | the lock goes to the next; or it waits no longer                | nothing                     |
| NoteRelease       | the release is the current one                                  | `lock-not-held`             |
| OverrideFreeze    | what waits for a window goes through, for a reason on record    | `deployment-not-waiting`    |
| FreezeEnvironment | nothing is granted but rollbacks and what overrides it          | replaces the freeze         |
| UnfreezeEnvironment | the freeze is over                                            | nothing                     |
| QuarantineRelease | no automatic path enters with that release                      | nothing                     |
| LiftQuarantine    | it may again                                                    | `release-not-quarantined`   |

| waiting for                          | at the longest       | then                                             |
|--------------------------------------|----------------------|--------------------------------------------------|
| the lock's owner to renew            | 300 s                | the lock is released; the owner is told          |
| the same, found more than 10 s late  | 300 s more, once     | nobody was there to hear the owner: as above     |
| a freeze to end, a window to open    | its time             | those that wait are granted, in order            |
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from core.aggregate import Rejected, Tick
from core.environments import commands as c
from core.environments import events as e
from core.environments.draft import Draft
from core.environments.queue import LOCK_TTL, enter, settle
from core.environments.reasons import owner, refusal
from core.environments.state import Entry, EnvironmentState, Lock
from core.eventlog.serialization import Message
from core.ids import split_stage_key

# No deadline is found so late while processors run. Whoever held the lock could not renew it then.
AWAY: Final = timedelta(seconds=10)


def decide(state: EnvironmentState, command: Any, now: datetime) -> tuple[Message, ...]:
    """The events the command leads to. Raises Rejected."""
    draft = Draft(state, now)
    _HANDLERS[type(command)](draft, command)
    settle(draft)
    return tuple(draft.events)


def deadline(state: EnvironmentState) -> datetime | None:
    return state.timers.first()


def finished(state: EnvironmentState) -> bool:
    """Whether nobody needs it now. It recurs, so what ran here is never forgotten."""
    return state.lock is None and not state.waiting


def _expire(draft: Draft, command: Tick) -> None:
    lock = draft.state.lock
    if lock is None or lock.expires_at > draft.now:
        return
    if draft.now - lock.expires_at > AWAY and not lock.extended:
        renewed = e.LockRenewed(deployment_id=lock.deployment_id, expires_at=draft.now + LOCK_TTL, extended=True)
        draft.tell(renewed)
    else:
        draft.tell(e.LockReleased(deployment_id=lock.deployment_id, epoch=lock.epoch, expired=True))


def _enter(draft: Draft, command: c.EnterEnvironment) -> None:
    state = draft.state
    if state.holds(command.deployment_id) or state.entry(command.deployment_id) is not None:
        return
    entry = Entry(
        deployment_id=command.deployment_id,
        rollout_id=command.rollout_id,
        release=command.release,
        by=command.by,
        automatic=command.automatic,
        urgent=command.urgent,
        freezes=command.freezes,
        windows=command.windows,
        override_reason=command.override_reason.strip(),
    )
    found = refusal(state, entry)
    if found is not None:
        draft.tell(e.DeploymentRefused(deployment_id=entry.deployment_id, code=found[0], detail=found[1]))
        return
    enter(draft, entry)
    _preempt(draft, entry)


def _preempt(draft: Draft, entry: Entry) -> None:
    """Who rolls back by hand needn't wait for the rest of a canary; a stage's own script is not cut off half-way."""
    lock = draft.state.lock
    if lock is None or lock.urgent or lock.preempted or not entry.urgent or entry.automatic:
        return
    if split_stage_key(lock.deployment_id) is not None:
        return
    reason = f"{entry.by} rolls back to release {entry.release.id}"
    draft.tell(e.PreemptionRequested(deployment_id=lock.deployment_id, by=entry.by, reason=reason))


def _held_by(draft: Draft, deployment_id: str) -> Lock:
    lock = draft.state.lock
    if lock is None or lock.deployment_id != deployment_id:
        holder = f"{owner(lock.deployment_id)} does" if lock else "nobody does"
        raise Rejected("lock-not-held", f"{owner(deployment_id)} does not hold the lock of {draft.state.id}: {holder}")
    return lock


def _renew(draft: Draft, command: c.RenewLock) -> None:
    lock = _held_by(draft, command.deployment_id)
    if lock.epoch != command.epoch:
        raise Rejected("lock-not-held", f"epoch {command.epoch} of {draft.state.id} is over, it is {lock.epoch} now")
    draft.tell(e.LockRenewed(deployment_id=lock.deployment_id, expires_at=draft.now + LOCK_TTL))


def _leave(draft: Draft, command: c.LeaveEnvironment) -> None:
    lock = draft.state.lock
    if lock is not None and lock.deployment_id == command.deployment_id:
        left = e.LockReleased(deployment_id=lock.deployment_id, epoch=lock.epoch, watch_until=command.watch_until)
        draft.tell(left)
    elif draft.state.entry(command.deployment_id) is not None:
        draft.tell(e.DeploymentLeft(deployment_id=command.deployment_id))


def _note_release(draft: Draft, command: c.NoteRelease) -> None:
    """A deployment that failed says what it went back to. One that is too late is believed if nobody came since."""
    state = draft.state
    last = state.expired
    late = state.lock is None and last is not None and last.deployment_id == command.deployment_id
    lock = last if late and last is not None else _held_by(draft, command.deployment_id)
    release = command.release
    rollback = lock.urgent or release.id != lock.release.id
    if release.id in state.quarantine and not lock.automatic and not rollback:
        reason = "it was deployed by hand, and is healthy"
        draft.tell(e.QuarantineLifted(release_id=release.id, by=lock.by, reason=reason))
    changed = e.ReleaseChanged(
        release=release,
        deployment_id=lock.deployment_id,
        rollout_id=lock.rollout_id,
        previous=state.before(release.id, rollback=rollback),
        rollback=rollback,
    )
    draft.tell(changed)


def _override(draft: Draft, command: c.OverrideFreeze) -> None:
    reason = _demand(command.reason, "an override of a freeze needs a reason, which stays on record")
    if draft.state.entry(command.deployment_id) is None:
        detail = f"{owner(command.deployment_id)} does not wait for {draft.state.id}"
        raise Rejected("deployment-not-waiting", detail)
    draft.tell(e.FreezeOverridden(deployment_id=command.deployment_id, by=command.by, reason=reason))


def _freeze(draft: Draft, command: c.FreezeEnvironment) -> None:
    reason = _demand(command.reason, "a freeze needs a reason, for those who wait")
    if command.until is not None and command.until <= draft.now:
        raise Rejected("until-past", f"the freeze would end at {command.until.isoformat()}, which is past")
    draft.tell(e.EnvironmentFrozen(by=command.by, reason=reason, until=command.until))


def _demand(reason: str, why: str) -> str:
    if not reason.strip():
        raise Rejected("reason-missing", why)
    return reason.strip()


def _unfreeze(draft: Draft, command: c.UnfreezeEnvironment) -> None:
    if draft.state.freeze is not None:
        draft.tell(e.EnvironmentUnfrozen(by=command.by))


def _quarantine(draft: Draft, command: c.QuarantineRelease) -> None:
    if command.release_id not in draft.state.quarantine:
        told = e.ReleaseQuarantined(
            release_id=command.release_id, reason=command.reason, deployment_id=command.deployment_id
        )
        draft.tell(told)


def _lift(draft: Draft, command: c.LiftQuarantine) -> None:
    if command.release_id not in draft.state.quarantine:
        known = ", ".join(draft.state.quarantine) or "none is"
        detail = f"release {command.release_id} is not quarantined in {draft.state.id} ({known})"
        raise Rejected("release-not-quarantined", detail)
    draft.tell(e.QuarantineLifted(release_id=command.release_id, by=command.by, reason=command.reason))


_HANDLERS: dict[type[Any], Callable[[Draft, Any], None]] = {
    Tick: _expire,
    c.EnterEnvironment: _enter,
    c.RenewLock: _renew,
    c.LeaveEnvironment: _leave,
    c.NoteRelease: _note_release,
    c.OverrideFreeze: _override,
    c.FreezeEnvironment: _freeze,
    c.UnfreezeEnvironment: _unfreeze,
    c.QuarantineRelease: _quarantine,
    c.LiftQuarantine: _lift,
}
