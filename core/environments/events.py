"""What happened to an environment in one region."""

from datetime import datetime

from core.aggregate import SHELL_EVENTS
from core.environments.release import Release
from core.environments.settings import Window
from core.eventlog.serialization import Catalogue, Message


class DeploymentQueued(Message, frozen=True, kw_only=True):
    """It waits: behind the lock's holder and others, or for a window. `reason` says so in words.

    `opens_at` is when the windows let it in, where they are what it waits for.
    """

    TYPE = "environment.deployment_queued"
    deployment_id: str
    rollout_id: str
    release: Release
    by: str
    automatic: bool = False
    urgent: bool = False
    freezes: tuple[Window, ...] = ()
    windows: tuple[Window, ...] = ()
    override_reason: str = ""
    reason: str
    opens_at: datetime | None = None


class WaitExplained(Message, frozen=True, kw_only=True):
    """Why it waits has changed."""

    TYPE = "environment.wait_explained"
    deployment_id: str
    reason: str
    opens_at: datetime | None = None


class LockGranted(Message, frozen=True, kw_only=True):
    """The deployment holds the lock. `epoch` grows with every grant; the target refuses a lower one.

    `current` is what runs here now, `previous` the last healthy release before it. `overridden`: it went through a
    freeze for that reason. `replaces` is the deployment that brought `current`, if it is still watched: that ends now.
    """

    TYPE = "environment.lock_granted"
    deployment_id: str
    rollout_id: str
    release: Release
    epoch: int
    expires_at: datetime
    current: Release | None = None
    previous: Release | None = None
    overridden: str = ""
    by: str = ""
    automatic: bool = False
    urgent: bool = False
    replaces: str = ""


class LockRenewed(Message, frozen=True, kw_only=True):
    """`extended`: not by the owner, but because nobody was there to hear it."""

    TYPE = "environment.lock_renewed"
    deployment_id: str
    expires_at: datetime
    extended: bool = False


class LockReleased(Message, frozen=True, kw_only=True):
    """By its owner; or `expired`: the owner had not renewed it in time. What it brought is watched `watch_until`."""

    TYPE = "environment.lock_released"
    deployment_id: str
    epoch: int = 0
    expired: bool = False
    watch_until: datetime | None = None


class PreemptionRequested(Message, frozen=True, kw_only=True):
    """Somebody rolls back by hand while `deployment_id` holds the lock: it shall go back and leave."""

    TYPE = "environment.preemption_requested"
    deployment_id: str
    by: str
    reason: str


class DeploymentLeft(Message, frozen=True, kw_only=True):
    """It waits no longer, without having held the lock."""

    TYPE = "environment.deployment_left"
    deployment_id: str


class DeploymentRefused(Message, frozen=True, kw_only=True):
    """It may not enter: release-quarantined, superseded, rollback-past-migration, nothing-to-roll-back-to ..."""

    TYPE = "environment.deployment_refused"
    deployment_id: str
    code: str
    detail: str


class ReleaseChanged(Message, frozen=True, kw_only=True):
    """All traffic is on `release` since now. `previous` is the last healthy one before it, which a rollback goes to."""

    TYPE = "environment.release_changed"
    release: Release
    deployment_id: str
    rollout_id: str = ""
    previous: Release | None = None
    rollback: bool = False


class FreezeOverridden(Message, frozen=True, kw_only=True):
    """An emergency: marked in the audit view."""

    TYPE = "environment.freeze_overridden"
    deployment_id: str
    by: str
    reason: str


class EnvironmentFrozen(Message, frozen=True, kw_only=True):
    TYPE = "environment.frozen"
    by: str
    reason: str
    until: datetime | None = None


class EnvironmentUnfrozen(Message, frozen=True, kw_only=True):
    """By somebody, or because its time was over (`by` is empty)."""

    TYPE = "environment.unfrozen"
    by: str = ""


class ReleaseQuarantined(Message, frozen=True, kw_only=True):
    TYPE = "environment.release_quarantined"
    release_id: str
    reason: str
    deployment_id: str = ""


class QuarantineLifted(Message, frozen=True, kw_only=True):
    TYPE = "environment.quarantine_lifted"
    release_id: str
    by: str
    reason: str = ""


EVENTS = Catalogue(
    (
        DeploymentQueued,
        WaitExplained,
        LockGranted,
        LockRenewed,
        LockReleased,
        PreemptionRequested,
        DeploymentLeft,
        DeploymentRefused,
        ReleaseChanged,
        FreezeOverridden,
        EnvironmentFrozen,
        EnvironmentUnfrozen,
        ReleaseQuarantined,
        QuarantineLifted,
        *SHELL_EVENTS,
    )
)
