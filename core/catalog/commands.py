"""What can be asked of the catalog: apps (`app/<name>`) and principals (`principal/<name>`), in the home region."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import Tick
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings
from core.eventlog.serialization import Catalogue, Message
from core.pipeline.plan import Schedule
from core.rollouts.commands import Kind, Origin
from core.trigger import Forge, Trigger

Role = Literal["viewer", "developer", "approver", "admin", "agent"]


class CreateApp(Message, frozen=True, kw_only=True):
    """`region` is where its runs live and its jobs run unless a stage says otherwise."""

    TYPE = "app.create"
    name: str
    repository_url: str
    region: str
    forge: Forge = "builtin"
    default_branch: str = "main"
    pipeline_path: str = ".pipeline.yml"


class UpdateApp(Message, frozen=True, kw_only=True):
    """None leaves a value as it is."""

    TYPE = "app.update"
    repository_url: str | None = None
    region: str | None = None
    default_branch: str | None = None
    pipeline_path: str | None = None


class ArchiveApp(Message, frozen=True, kw_only=True):
    """No further runs; the history stays."""

    TYPE = "app.archive"


class SubmitTrigger(Message, frozen=True, kw_only=True):
    """Something happened that may ask for a run."""

    TYPE = "app.submit_trigger"
    trigger: Trigger


class IgnoreDelivery(Message, frozen=True, kw_only=True):
    """A delivery that asks for no run: a ping, a branch deletion (of `ref`), an event of an unknown kind."""

    TYPE = "app.ignore_delivery"
    delivery_id: str
    code: str
    detail: str
    ref: str = ""


class SetSchedules(Message, frozen=True, kw_only=True):
    """The schedules of the pipeline file at the head of the default branch, as run `number` read them."""

    TYPE = "app.set_schedules"
    schedules: tuple[Schedule, ...]
    commit: str
    number: int = 0


class SetEnvironments(Message, frozen=True, kw_only=True):
    """All environments of the app: as the `delivery.yml` at the head of the default branch says (`source` file, as run
    `number` read it), or as somebody set them by the API (`source` api), after which files are not listened to.

    `source` file with `release_control` gives the word back to the files.
    """

    TYPE = "app.set_environments"
    environments: tuple[EnvironmentSettings, ...]
    source: Literal["file", "api"]
    by: str = ""
    commit: str = ""
    number: int = 0
    release_control: bool = False


class RequestRollout(Message, frozen=True, kw_only=True):
    """Bring a release into an environment, or (kind rollback) back to one.

    `regions` empty means all of the environment; `releases` says by region what to go back to, `leaving` what is there
    now (the latest with a contract migration of those that are left). `strategy_override` is one of the four names, to
    be used with its defaults instead of what the environment says.
    """

    TYPE = "app.request_rollout"
    environment: str
    release: Release
    origin: Origin
    kind: Kind = "deploy"
    regions: tuple[str, ...] = ()
    releases: dict[str, Release] = msgspec.field(default_factory=dict)
    leaving: Release | None = None
    override_reason: str = ""
    strategy_override: str = ""


class RefuseRollout(Message, frozen=True, kw_only=True):
    """An accepted rollout can't live where it should. Said by a policy, to be on record and told to who waits."""

    TYPE = "app.refuse_rollout"
    origin: Origin
    code: str
    detail: str


class FindProtection(Message, frozen=True, kw_only=True):
    """A stage with steps of its own goes to `environment` (only these `regions`; empty: all): what does it keep to?"""

    TYPE = "app.find_protection"
    environment: str
    origin: Origin
    regions: tuple[str, ...] = ()


class CreateRelease(Message, frozen=True, kw_only=True):
    """Fix a release for ever. The same again changes nothing; another content under its id is refused."""

    TYPE = "release.create"
    release: Release


class CreatePrincipal(Message, frozen=True, kw_only=True):
    """A person or a machine. `pools` (`<region>/<pool>`) bound what an agent's token may serve."""

    TYPE = "principal.create"
    name: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


class UpdatePrincipal(Message, frozen=True, kw_only=True):
    TYPE = "principal.update"
    roles: tuple[Role, ...] | None = None
    groups: tuple[str, ...] | None = None
    pools: tuple[str, ...] | None = None


class IssueToken(Message, frozen=True, kw_only=True):
    """`token_hash` is the SHA-256 (hex) of the token, which itself never enters the log."""

    TYPE = "principal.issue_token"
    token_id: str
    token_hash: str
    description: str = ""
    expires_at: datetime | None = None


class RevokeToken(Message, frozen=True, kw_only=True):
    TYPE = "principal.revoke_token"
    token_id: str


APP_COMMANDS = Catalogue(
    (
        Tick,
        CreateApp,
        UpdateApp,
        ArchiveApp,
        SubmitTrigger,
        IgnoreDelivery,
        SetSchedules,
        SetEnvironments,
        RequestRollout,
        RefuseRollout,
        FindProtection,
    )
)
RELEASE_COMMANDS = Catalogue((Tick, CreateRelease))
PRINCIPAL_COMMANDS = Catalogue((Tick, CreatePrincipal, UpdatePrincipal, IssueToken, RevokeToken))
