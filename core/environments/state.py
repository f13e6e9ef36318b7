"""What an environment in one region remembers: who owns it, who waits, and what ran here. Changed by evolve.py only."""

from copy import copy
from datetime import datetime
from typing import Final

import msgspec

from core.environments.release import Release
from core.environments.settings import Window
from core.ordered import IdleTimers, Timers

KEPT: Final = 20
QUARANTINED: Final = 500
VISITORS: Final = 50


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who waits: a deployment, or a stage (see commands.py). `reason` is what it was told; it may override freezes for
    `override_reason`."""

    deployment_id: str
    rollout_id: str
    release: Release
    by: str
    automatic: bool = False
    urgent: bool = False
    freezes: tuple[Window, ...] = ()
    windows: tuple[Window, ...] = ()
    override_reason: str = ""
    overridden: bool = False
    reason: str = ""
    opens_at: datetime | None = None


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who owns the environment: a deployment, or a stage (see commands.py).

    `extended`: expiry was put off, as nobody was there to hear the owner.
    """

    deployment_id: str
    rollout_id: str
    release: Release
    epoch: int
    expires_at: datetime
    by: str = ""
    automatic: bool = False
    urgent: bool = False
    extended: bool = False
    preempted: bool = False


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A release that was healthy here, and the rollout and deployment that brought it last.

    `left`: a rollback went back over it.
    """

    release: Release
    rollout_id: str
    deployment_id: str
    left: bool = False


class Freeze(msgspec.Struct, frozen=True, omit_defaults=True):
    by: str
    reason: str
    until: datetime | None = None


class Watched(msgspec.Struct, frozen=True):
    deployment_id: str
    until: datetime


class EnvironmentState(msgspec.Struct, omit_defaults=True):
    """`id` is `<app>/<environment>/<region>`. Collections are replaced, never changed in place.

    `waiting` is in the order of the queue. `kept` are the last releases, oldest first, `current` is one of them.
    `quarantine` says why, by release id. `watched` is the deployment that is done but still observed. `visitors` are
    the latest rollouts that deployed here, well or not. `expired` is the lock that ran out, until it is given again.
    """

    id: str
    epoch: int = 0
    lock: Lock | None = None
    expired: Lock | None = None
    waiting: tuple[Entry, ...] = ()
    current: Kept | None = None
    kept: tuple[Kept, ...] = ()
    quarantine: dict[str, str] = {}
    freeze: Freeze | None = None
    watched: Watched | None = None
    visitors: tuple[str, ...] = ()
    timers: Timers = msgspec.field(default_factory=Timers)

    def entry(self, deployment_id: str) -> Entry | None:
        return next((each for each in self.waiting if each.deployment_id == deployment_id), None)

    def holds(self, deployment_id: str) -> bool:
        return self.lock is not None and self.lock.deployment_id == deployment_id

    @property
    def previous(self) -> Release | None:
        """The last healthy release before the current one."""
        return self.before(self.current.release.id, rollback=True) if self.current is not None else None

    def before(self, release_id: str, rollback: bool) -> Release | None:
        """What would be the previous release once that one is here: a rollback leaves only what is older than it."""
        older = self.kept[: self._place(release_id) or 0] if rollback else self.kept
        for each in reversed(older):
            if each.release.id not in (release_id, *self.quarantine) and not each.left:
                return each.release
        return None

    def gone_over(self, release_id: str) -> tuple[Release, ...]:
        """What a rollback to that release leaves behind, oldest first: all that was deployed since."""
        place = self._place(release_id)
        newer = self.kept if place is None else self.kept[place + 1 :]
        return tuple(each.release for each in newer if not each.left)

    def _place(self, release_id: str) -> int | None:
        return next((i for i, each in enumerate(self.kept) if each.release.id == release_id), None)

    def draft(self) -> "EnvironmentState":
        state = copy(self)
        state.timers = IdleTimers()
        return state
