"""What happened to a rollout: several regions of one environment, in waves."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import SHELL_EVENTS
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings, Hook, Target
from core.eventlog.serialization import Catalogue, Message
from core.rollouts.commands import Kind, Origin

RolloutOutcome = Literal["success", "rolled_back", "aborted", "rejected", "error"]


class Placement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One region's part: the deployment that does it, and the release it brings there."""

    region: str
    deployment_id: str
    release: Release


class RolloutRequested(Message, frozen=True, kw_only=True):
    """`waves` are fixed from here on, regions by name."""

    TYPE = "rollout.requested"
    app: str
    number: int
    release: Release
    settings: EnvironmentSettings
    origin: Origin
    kind: Kind = "deploy"
    waves: tuple[tuple[str, ...], ...]
    releases: dict[str, Release] = msgspec.field(default_factory=dict)
    leaving: Release | None = None
    override_reason: str = ""


class RolloutApprovalRequested(Message, frozen=True, kw_only=True):
    """It waits for `count` people, holding no lock, until `expires_at`."""

    TYPE = "rollout.approval_requested"
    app: str
    environment: str
    count: int
    groups: tuple[str, ...] = ()
    prevent_self_approval: bool = False
    expires_at: datetime


class RolloutApprovalGiven(Message, frozen=True, kw_only=True):
    TYPE = "rollout.approval_given"
    by: str
    comment: str = ""


class RolloutApprovalDecided(Message, frozen=True, kw_only=True):
    """granted: enough approvals; rejected: somebody said no; expired; withdrawn: the rollout was aborted."""

    TYPE = "rollout.approval_decided"
    decision: Literal["granted", "rejected", "expired", "withdrawn"]
    by: str = ""
    comment: str = ""


class HookRequested(Message, frozen=True, kw_only=True):
    """The deployer of `region` shall run the pre-deploy command (or with `down` its way back), once."""

    TYPE = "rollout.hook_requested"
    app: str
    environment: str
    region: str
    release: Release
    hook: Hook
    target: Target
    down: bool = False
    answer_by: datetime


class HookFinished(Message, frozen=True, kw_only=True):
    TYPE = "rollout.hook_finished"
    ok: bool
    exit_code: int | None = None
    output: str = ""
    detail: str = ""
    down: bool = False


class WaveStarted(Message, frozen=True, kw_only=True):
    """These deployments are asked for (a policy starts each in its region). `rollback`: the wave goes back.

    `index` is the wave's, from 0; a rollback of several waves has that of the latest.
    """

    TYPE = "rollout.wave_started"
    app: str
    environment: str
    settings: EnvironmentSettings
    origin: Origin
    index: int
    placements: tuple[Placement, ...]
    rollback: bool = False
    override_reason: str = ""


class RegionFinished(Message, frozen=True, kw_only=True):
    """One deployment of the rollout is over (`outcome` as DeploymentFinished has it)."""

    TYPE = "rollout.region_finished"
    region: str
    deployment_id: str
    outcome: str
    code: str = ""
    detail: str = ""
    rollback_to: Release | None = None
    watching: bool = False
    touched: bool = False


class WatchOver(Message, frozen=True, kw_only=True):
    """A region's deployment is no longer watched; `breach`: fault was found with it, as `code` and `detail` say."""

    TYPE = "rollout.watch_over"
    region: str
    deployment_id: str
    breach: bool = False
    code: str = ""
    detail: str = ""


class BakeStarted(Message, frozen=True, kw_only=True):
    """The wave is complete; the next one waits until then and for the requests."""

    TYPE = "rollout.bake_started"
    index: int
    until: datetime
    min_requests: int = 0
    give_up_at: datetime


class RequestsNoted(Message, frozen=True, kw_only=True):
    TYPE = "rollout.requests_noted"
    region: str
    requests: int


class BakeFinished(Message, frozen=True, kw_only=True):
    """`by`: somebody ended it early."""

    TYPE = "rollout.bake_finished"
    index: int
    by: str = ""


class RolloutHalted(Message, frozen=True, kw_only=True):
    """It does not go on by itself: a region failed and on_failure is halt, or a bake saw too few requests.

    It ends at `expires_at` if nobody does anything about it.
    """

    TYPE = "rollout.halted"
    code: str
    detail: str
    expires_at: datetime | None = None


class DeploymentsSteered(Message, frozen=True, kw_only=True):
    """What the people at the wheel want of the deployments under way; a policy tells each of `deployments`."""

    TYPE = "rollout.deployments_steered"
    what: Literal["pause", "resume", "promote", "promote_full", "abort"]
    deployments: tuple[tuple[str, str], ...]
    by: str
    reason: str = ""


class RolloutPaused(Message, frozen=True, kw_only=True):
    """Not for ever: it ends at `expires_at`."""

    TYPE = "rollout.paused"
    by: str
    reason: str = ""
    expires_at: datetime | None = None


class RolloutResumed(Message, frozen=True, kw_only=True):
    TYPE = "rollout.resumed"
    by: str


class RolloutAborted(Message, frozen=True, kw_only=True):
    """Somebody (or with `code`, a failure) takes it back; RolloutFinished comes when all regions are back."""

    TYPE = "rollout.aborted"
    by: str
    reason: str = ""
    code: str = ""


class RolloutFinished(Message, frozen=True, kw_only=True):
    """The end. A stage that waits for it is told."""

    TYPE = "rollout.finished"
    app: str
    environment: str
    release_id: str
    kind: Kind = "deploy"
    outcome: RolloutOutcome
    code: str = ""
    detail: str = ""
    origin: Origin


EVENTS = Catalogue(
    (
        RolloutRequested,
        RolloutApprovalRequested,
        RolloutApprovalGiven,
        RolloutApprovalDecided,
        HookRequested,
        HookFinished,
        WaveStarted,
        RegionFinished,
        WatchOver,
        BakeStarted,
        RequestsNoted,
        BakeFinished,
        RolloutHalted,
        DeploymentsSteered,
        RolloutPaused,
        RolloutResumed,
        RolloutAborted,
        RolloutFinished,
        *SHELL_EVENTS,
    )
)
