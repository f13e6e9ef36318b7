"""Places (an environment in one region): what runs there, who holds the lock, who waits, what is kept out."""

from typing import Any

from core.environments.events import (
    DeploymentLeft,
    DeploymentQueued,
    DeploymentRefused,
    EnvironmentFrozen,
    EnvironmentUnfrozen,
    FreezeOverridden,
    LockGranted,
    LockReleased,
    LockRenewed,
    PreemptionRequested,
    QuarantineLifted,
    ReleaseChanged,
    ReleaseQuarantined,
    WaitExplained,
)
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.environments import place_entries, place_releases, places, quarantine
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("environment")
Place = tuple[str, str, str]


@HANDLERS.on(DeploymentQueued)
def queued(fact: Fact, changes: Changes) -> None:
    message: DeploymentQueued = fact.message
    _ensure_place(fact, changes)
    changes.put(
        place_entries,
        **_entry(fact),
        rollout_id=message.rollout_id,
        release_id=message.release.id,
        by=message.by,
        state="queued",
        automatic=message.automatic,
        urgent=message.urgent,
        reason=message.reason,
        opens_at=message.opens_at,
    )


@HANDLERS.on(WaitExplained)
def explained(fact: Fact, changes: Changes) -> None:
    message: WaitExplained = fact.message
    _set(fact, changes, reason=message.reason, opens_at=message.opens_at)


@HANDLERS.on(LockGranted)
def granted(fact: Fact, changes: Changes) -> None:
    message: LockGranted = fact.message
    _ensure_place(fact, changes)
    # Without a wait the lock is the first that is heard of it.
    changes.ensure(place_entries, **_entry(fact), rollout_id=message.rollout_id, release_id=message.release.id)
    overridden = {"override_reason": message.overridden} if message.overridden else {}
    asked = {"by": message.by, "automatic": message.automatic, "urgent": message.urgent}
    held = {"epoch": message.epoch, "granted_at": fact.at, "expires_at": message.expires_at}
    _set(fact, changes, state="holding", reason="", opens_at=None, **asked, **held, **overridden)


@HANDLERS.on(LockRenewed)
def renewed(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, expires_at=fact.message.expires_at)


@HANDLERS.on(LockReleased)
def released(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, state="expired" if fact.message.expired else "released", ended_at=fact.at)


@HANDLERS.on(PreemptionRequested)
def preempted(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, preempted_at=fact.at, reason=fact.message.reason)


@HANDLERS.on(DeploymentLeft)
def left(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, state="left", reason="", opens_at=None, ended_at=fact.at)


@HANDLERS.on(DeploymentRefused)
def refused(fact: Fact, changes: Changes) -> None:
    message: DeploymentRefused = fact.message
    _ensure_place(fact, changes)
    changes.ensure(place_entries, **_entry(fact))
    said = {"code": message.code, "detail": message.detail}
    _set(fact, changes, state="refused", reason="", opens_at=None, ended_at=fact.at, **said)


@HANDLERS.on(FreezeOverridden)
def overridden(fact: Fact, changes: Changes) -> None:
    message: FreezeOverridden = fact.message
    # One that comes with an override enters by it.
    changes.ensure(place_entries, **_entry(fact))
    _set(fact, changes, override_reason=message.reason, override_by=message.by)


@HANDLERS.on(ReleaseChanged)
def release_changed(fact: Fact, changes: Changes) -> None:
    message: ReleaseChanged = fact.message
    known = {
        "release_id": message.release.id,
        "release": as_json(message.release),
        "deployment_id": message.deployment_id,
        "rollout_id": message.rollout_id,
        "since": fact.at,
    }
    place = _ensure_place(fact, changes)
    changes.set(places, place, **known)
    version = fact.event.stream_version
    changes.put(place_releases, **_named(place), version=version, rollback=message.rollback, **known)


@HANDLERS.on(EnvironmentFrozen)
def frozen(fact: Fact, changes: Changes) -> None:
    message: EnvironmentFrozen = fact.message
    place = _ensure_place(fact, changes)
    said = {"frozen_by": message.by, "frozen_reason": message.reason, "frozen_until": message.until}
    changes.set(places, place, frozen_at=fact.at, **said)


@HANDLERS.on(EnvironmentUnfrozen)
def unfrozen(fact: Fact, changes: Changes) -> None:
    changes.set(places, _place(fact), frozen_at=None, frozen_by="", frozen_reason="", frozen_until=None)


@HANDLERS.on(ReleaseQuarantined)
def quarantined(fact: Fact, changes: Changes) -> None:
    message: ReleaseQuarantined = fact.message
    place = _ensure_place(fact, changes)
    changes.put(
        quarantine,
        **_named(place),
        release_id=message.release_id,
        reason=message.reason,
        deployment_id=message.deployment_id,
        since=fact.at,
    )


@HANDLERS.on(QuarantineLifted)
def quarantine_lifted(fact: Fact, changes: Changes) -> None:
    changes.delete(quarantine, (*_place(fact), fact.message.release_id))


def _place(fact: Fact) -> Place:
    app, environment, region = fact.id.split("/")
    return app, environment, region


def _named(place: Place) -> dict[str, Any]:
    app, environment, region = place
    return {"app": app, "environment": environment, "region": region}


def _ensure_place(fact: Fact, changes: Changes) -> Place:
    place = _place(fact)
    changes.ensure(places, **_named(place))
    return place


def _entry(fact: Fact) -> dict[str, Any]:
    return {**_named(_place(fact)), "deployment_id": fact.message.deployment_id, "entered_at": fact.at}


def _set(fact: Fact, changes: Changes, **values: Any) -> None:
    changes.set(place_entries, (*_place(fact), fact.message.deployment_id), **values)
