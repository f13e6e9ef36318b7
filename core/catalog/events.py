"""What happened to apps and principals."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import SHELL_EVENTS
from core.catalog.commands import Role
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings, Protection
from core.eventlog.serialization import Catalogue, Message
from core.pipeline.plan import Schedule
from core.rollouts.commands import Kind, Origin
from core.trigger import Forge, Trigger


class AppCreated(Message, frozen=True, kw_only=True):
    TYPE = "app.created"
    name: str
    repository_url: str
    region: str
    forge: Forge
    default_branch: str
    pipeline_path: str


class AppUpdated(Message, frozen=True, kw_only=True):
    TYPE = "app.updated"
    repository_url: str
    region: str
    default_branch: str
    pipeline_path: str


class AppArchived(Message, frozen=True, kw_only=True):
    TYPE = "app.archived"


class TriggerAccepted(Message, frozen=True, kw_only=True):
    """The trigger becomes run `run_id`, the app's `number`th, in `region`."""

    TYPE = "trigger.accepted"
    app: str
    trigger: Trigger
    run_id: str
    number: int
    region: str
    repository_url: str
    default_branch: str
    pipeline_path: str


class DeliveryIgnored(Message, frozen=True, kw_only=True):
    """A delivery made no run. `code`: duplicate | ping | branch-deleted | unsupported-event | app-archived ..."""

    TYPE = "delivery.ignored"
    delivery_id: str
    code: str
    detail: str
    run_id: str = ""
    ref: str = ""


class SchedulesSet(Message, frozen=True, kw_only=True):
    """`next_at` says for each schedule when it is due first; None: never again."""

    TYPE = "app.schedules_set"
    schedules: tuple[Schedule, ...]
    commit: str
    number: int = 0
    next_at: tuple[datetime | None, ...] = ()


class ScheduleFired(Message, frozen=True, kw_only=True):
    """A schedule was due at `due_at`. TriggerAccepted follows. `next_at` is when it is due again."""

    TYPE = "app.schedule_fired"
    schedule: Schedule
    due_at: datetime
    next_at: datetime | None = None


class EnvironmentsSet(Message, frozen=True, kw_only=True):
    TYPE = "app.environments_set"
    environments: tuple[EnvironmentSettings, ...]
    source: Literal["file", "api"]
    by: str = ""
    commit: str = ""
    number: int = 0


class RolloutAccepted(Message, frozen=True, kw_only=True):
    """The app's `number`th rollout, in `region` (where it lives; `regions` are what it goes to)."""

    TYPE = "app.rollout_accepted"
    app: str
    rollout_id: str
    number: int
    region: str
    release: Release
    settings: EnvironmentSettings
    origin: Origin
    kind: Kind = "deploy"
    regions: tuple[str, ...] = ()
    releases: dict[str, Release] = msgspec.field(default_factory=dict)
    leaving: Release | None = None
    override_reason: str = ""


class RolloutRefused(Message, frozen=True, kw_only=True):
    """A stage of a run asked for a rollout that can't be (environment-unknown ...): the stage is told."""

    TYPE = "app.rollout_refused"
    origin: Origin
    code: str
    detail: str


class ProtectionFound(Message, frozen=True, kw_only=True):
    """What a stage keeps to in an environment. None: the app declares no such environment, so nothing protects it; or,
    with a `code`, the stage can't go there (region-unknown)."""

    TYPE = "app.protection_found"
    origin: Origin
    environment: str
    protection: Protection | None = None
    code: str = ""
    detail: str = ""


class ReleaseCreated(Message, frozen=True, kw_only=True):
    TYPE = "release.created"
    release: Release


class PrincipalCreated(Message, frozen=True, kw_only=True):
    TYPE = "principal.created"
    name: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


class PrincipalUpdated(Message, frozen=True, kw_only=True):
    TYPE = "principal.updated"
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


class TokenIssued(Message, frozen=True, kw_only=True):
    TYPE = "principal.token_issued"
    token_id: str
    token_hash: str
    description: str = ""
    expires_at: datetime | None = None


class TokenRevoked(Message, frozen=True, kw_only=True):
    TYPE = "principal.token_revoked"
    token_id: str


APP_EVENTS = Catalogue(
    (
        AppCreated,
        AppUpdated,
        AppArchived,
        TriggerAccepted,
        DeliveryIgnored,
        SchedulesSet,
        ScheduleFired,
        EnvironmentsSet,
        RolloutAccepted,
        RolloutRefused,
        ProtectionFound,
        *SHELL_EVENTS,
    )
)
RELEASE_EVENTS = Catalogue((ReleaseCreated, *SHELL_EVENTS))
PRINCIPAL_EVENTS = Catalogue((PrincipalCreated, PrincipalUpdated, TokenIssued, TokenRevoked, *SHELL_EVENTS))
