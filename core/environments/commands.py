"""What can be asked of an environment in one region (`environment/<app>/<environment>/<region>`), in that region.

Who owns its lock, or waits for it, is a `deployment_id`: a deployment, or a stage of a run that deploys by its own
steps (`<run>/<stage>/<round>`, see core/ids.py), which has no `rollout_id`.
"""

from datetime import datetime

from core.aggregate import Tick
from core.environments.release import Release
from core.environments.settings import Window
from core.eventlog.serialization import Catalogue, Message


class EnterEnvironment(Message, frozen=True, kw_only=True):
    """A deployment wants the lock. `urgent` (a rollback) goes before all that wait.

    `automatic`: nobody asked for just this release, so a quarantined one is refused. `override_reason` lets it through
    a freeze, on record; and a rollback past a contract migration (whose way down was gone, for one).
    """

    TYPE = "environment.enter"
    deployment_id: str
    rollout_id: str
    release: Release
    by: str
    automatic: bool = False
    urgent: bool = False
    override_reason: str = ""
    freezes: tuple[Window, ...] = ()
    windows: tuple[Window, ...] = ()


class RenewLock(Message, frozen=True, kw_only=True):
    """The owner lives. Refused (`lock-not-held`) for anybody else."""

    TYPE = "environment.renew_lock"
    deployment_id: str
    epoch: int


class LeaveEnvironment(Message, frozen=True, kw_only=True):
    """The deployment ended, or needn't wait any more. Harmless for one that isn't there."""

    TYPE = "environment.leave"
    deployment_id: str
    outcome: str = ""
    watch_until: datetime | None = None


class NoteRelease(Message, frozen=True, kw_only=True):
    """All traffic is on `release` now, says the lock's owner."""

    TYPE = "environment.note_release"
    deployment_id: str
    release: Release


class OverrideFreeze(Message, frozen=True, kw_only=True):
    """A waiting deployment goes through the freeze; `reason` is demanded and marked in the audit view."""

    TYPE = "environment.override_freeze"
    deployment_id: str
    by: str
    reason: str


class FreezeEnvironment(Message, frozen=True, kw_only=True):
    """No deployment starts until `until` (None: until somebody lifts it). Rollbacks go through."""

    TYPE = "environment.freeze"
    by: str
    reason: str
    until: datetime | None = None


class UnfreezeEnvironment(Message, frozen=True, kw_only=True):
    TYPE = "environment.unfreeze"
    by: str


class QuarantineRelease(Message, frozen=True, kw_only=True):
    """No automatic path deploys this release here any more."""

    TYPE = "environment.quarantine_release"
    release_id: str
    reason: str
    deployment_id: str = ""


class LiftQuarantine(Message, frozen=True, kw_only=True):
    TYPE = "environment.lift_quarantine"
    release_id: str
    by: str
    reason: str = ""


COMMANDS = Catalogue(
    (
        Tick,
        EnterEnvironment,
        RenewLock,
        LeaveEnvironment,
        NoteRelease,
        OverrideFreeze,
        FreezeEnvironment,
        UnfreezeEnvironment,
        QuarantineRelease,
        LiftQuarantine,
    )
)
