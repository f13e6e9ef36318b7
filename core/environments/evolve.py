"""How each event changes an environment. Total: a fact that is in the log is not questioned."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from core.aggregate import CommandIgnored, CommandRejected
from core.environments import events as e
from core.environments.state import KEPT, QUARANTINED, VISITORS, Entry, EnvironmentState, Freeze, Kept, Lock, Watched

replace = msgspec.structs.replace


def evolve(state: EnvironmentState, event: Any) -> EnvironmentState:
    _EVOLVE[type(event)](state, event)
    return state


def _queued(state: EnvironmentState, event: e.DeploymentQueued) -> None:
    entry = Entry(
        deployment_id=event.deployment_id,
        rollout_id=event.rollout_id,
        release=event.release,
        by=event.by,
        automatic=event.automatic,
        urgent=event.urgent,
        freezes=event.freezes,
        windows=event.windows,
        override_reason=event.override_reason,
        reason=event.reason,
        opens_at=event.opens_at,
    )
    urgent = tuple(each for each in (*state.waiting, entry) if each.urgent)
    state.waiting = (*urgent, *(each for each in (*state.waiting, entry) if not each.urgent))
    state.timers.set(f"opens:{entry.deployment_id}", event.opens_at)


def _explained(state: EnvironmentState, event: e.WaitExplained) -> None:
    _change(state, event.deployment_id, reason=event.reason, opens_at=event.opens_at)
    state.timers.set(f"opens:{event.deployment_id}", event.opens_at)


def _overridden(state: EnvironmentState, event: e.FreezeOverridden) -> None:
    _change(state, event.deployment_id, override_reason=event.reason, overridden=True)


def _change(state: EnvironmentState, deployment_id: str, **values: str | bool | datetime | None) -> None:
    state.waiting = tuple(
        replace(each, **values) if each.deployment_id == deployment_id else each for each in state.waiting
    )


def _gone(state: EnvironmentState, event: e.DeploymentLeft | e.DeploymentRefused | e.LockGranted) -> None:
    """It waits no longer, whether or not it did."""
    state.waiting = tuple(each for each in state.waiting if each.deployment_id != event.deployment_id)
    state.timers.clear(f"opens:{event.deployment_id}")


def _granted(state: EnvironmentState, event: e.LockGranted) -> None:
    _gone(state, event)
    state.epoch = event.epoch
    state.watched = None
    state.expired = None
    if event.rollout_id and not event.urgent:
        others = tuple(each for each in state.visitors if each != event.rollout_id)
        state.visitors = (*others, event.rollout_id)[-VISITORS:]
    state.lock = Lock(
        deployment_id=event.deployment_id,
        rollout_id=event.rollout_id,
        release=event.release,
        epoch=event.epoch,
        expires_at=event.expires_at,
        by=event.by,
        automatic=event.automatic,
        urgent=event.urgent,
    )
    state.timers.set("lock", event.expires_at)


def _renewed(state: EnvironmentState, event: e.LockRenewed) -> None:
    if state.lock is not None:
        state.lock = replace(state.lock, expires_at=event.expires_at, extended=event.extended)
    state.timers.set("lock", event.expires_at)


def _released(state: EnvironmentState, event: e.LockReleased) -> None:
    state.expired = state.lock if event.expired else None
    state.lock = None
    state.timers.clear("lock")
    if event.watch_until is not None:
        state.watched = Watched(event.deployment_id, event.watch_until)


def _preempted(state: EnvironmentState, event: e.PreemptionRequested) -> None:
    if state.lock is not None:
        state.lock = replace(state.lock, preempted=True)


def _release_changed(state: EnvironmentState, event: e.ReleaseChanged) -> None:
    now = Kept(event.release, event.rollout_id, event.deployment_id)
    place = next((i for i, each in enumerate(state.kept) if each.release.id == event.release.id), 0)
    others = tuple(each for each in state.kept if each.release.id != event.release.id)
    if event.rollback:
        # It keeps its place: what was older than it stays older.
        newer = tuple(replace(each, left=True) for each in others[place:])
        kept = (*others[:place], now, *newer)
    else:
        kept = (*others, now)
    state.kept = kept[-KEPT:] if now in kept[-KEPT:] else (now, *kept[1 - KEPT :])
    state.current = now


def _frozen(state: EnvironmentState, event: e.EnvironmentFrozen) -> None:
    state.freeze = Freeze(event.by, event.reason, event.until)
    state.timers.set("freeze", event.until)


def _unfrozen(state: EnvironmentState, event: e.EnvironmentUnfrozen) -> None:
    state.freeze = None
    state.timers.clear("freeze")


def _quarantined(state: EnvironmentState, event: e.ReleaseQuarantined) -> None:
    others = {name: why for name, why in state.quarantine.items() if name != event.release_id}
    state.quarantine = dict([*others.items(), (event.release_id, event.reason)][-QUARANTINED:])


def _lifted(state: EnvironmentState, event: e.QuarantineLifted) -> None:
    state.quarantine = {name: why for name, why in state.quarantine.items() if name != event.release_id}


def _nothing(state: EnvironmentState, event: Any) -> None:
    """A refusal changes nothing."""


_EVOLVE: dict[type[Any], Callable[[EnvironmentState, Any], None]] = {
    e.DeploymentQueued: _queued,
    e.WaitExplained: _explained,
    e.LockGranted: _granted,
    e.LockRenewed: _renewed,
    e.LockReleased: _released,
    e.PreemptionRequested: _preempted,
    e.DeploymentLeft: _gone,
    e.DeploymentRefused: _gone,
    e.ReleaseChanged: _release_changed,
    e.FreezeOverridden: _overridden,
    e.EnvironmentFrozen: _frozen,
    e.EnvironmentUnfrozen: _unfrozen,
    e.ReleaseQuarantined: _quarantined,
    e.QuarantineLifted: _lifted,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
