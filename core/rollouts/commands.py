"""What can be asked of a rollout (`rollout/<region>-<16 hex>`, in the region of the app's runs)."""

from typing import Literal

import msgspec

from core.aggregate import Tick
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings
from core.eventlog.serialization import Catalogue, Message

Kind = Literal["deploy", "rollback"]


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asked. `run_id`, `stage` and `round` are set where a run's stage waits for the end."""

    by: str
    groups: tuple[str, ...] = ()
    automatic: bool = False
    run_id: str = ""
    stage: str = ""
    round: int = 0


class StartRollout(Message, frozen=True, kw_only=True):
    """Bring `release` into the environment's regions in waves. `number` counts in the app.

    A rollback goes to all `regions` at once, without approval, before everything that waits. `releases` says by
    region what to go back to, where they differ. `leaving` is what it goes back from, where its contract migration
    must be taken back. `override_reason` goes through freezes.
    """

    TYPE = "rollout.start"
    app: str
    number: int
    release: Release
    settings: EnvironmentSettings
    origin: Origin
    kind: Kind = "deploy"
    regions: tuple[str, ...] = ()
    releases: dict[str, Release] = msgspec.field(default_factory=dict)
    leaving: Release | None = None
    override_reason: str = ""


class ApproveRollout(Message, frozen=True, kw_only=True):
    """`by` (member of `groups`) agrees or not."""

    TYPE = "rollout.approve"
    by: str
    groups: tuple[str, ...] = ()
    approve: bool = True
    comment: str = ""


class ReportHook(Message, frozen=True, kw_only=True):
    """The deployer's answer: the pre-deploy command (or, with `down`, its way back) ended. `output` is the end of what
    it printed."""

    TYPE = "rollout.report_hook"
    ok: bool
    exit_code: int | None = None
    output: str = ""
    detail: str = ""
    down: bool = False


class NoteDeployment(Message, frozen=True, kw_only=True):
    """A deployment of the rollout finished (and is `watching`), its watch ended, or saw a breach. Said by a policy.

    `touched`: it had asked something of the target, so an error leaves who knows what there.
    """

    TYPE = "rollout.note_deployment"
    deployment_id: str
    region: str
    what: Literal["finished", "breach", "watch_ended"]
    outcome: str = ""
    code: str = ""
    detail: str = ""
    rollback_to: Release | None = None
    watching: bool = False
    touched: bool = False


class NoteRequests(Message, frozen=True, kw_only=True):
    """So many requests the new release has had in a region since its deployment was complete."""

    TYPE = "rollout.note_requests"
    deployment_id: str
    region: str
    requests: int


class PauseRollout(Message, frozen=True, kw_only=True):
    """No further wave starts; deployments under way stand still too."""

    TYPE = "rollout.pause"
    by: str
    reason: str = ""


class ResumeRollout(Message, frozen=True, kw_only=True):
    """Goes on after a pause, or after a halt (the failed regions of the wave are tried again)."""

    TYPE = "rollout.resume"
    by: str


class PromoteRollout(Message, frozen=True, kw_only=True):
    """End the current wait: the bake between waves, or the current step of the deployments under way."""

    TYPE = "rollout.promote"
    by: str
    full: bool = False


class AbortRollout(Message, frozen=True, kw_only=True):
    """Take back what is under way; with `on_failure: rollback_all` also the regions that had finished."""

    TYPE = "rollout.abort"
    by: str
    reason: str = ""


COMMANDS = Catalogue(
    (
        Tick,
        StartRollout,
        ApproveRollout,
        ReportHook,
        NoteDeployment,
        NoteRequests,
        PauseRollout,
        ResumeRollout,
        PromoteRollout,
        AbortRollout,
    )
)
