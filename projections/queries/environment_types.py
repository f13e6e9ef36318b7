"""What the queries say about environments and releases: what is deployed where, since when, by whom, from which commit.

Times are UTC, None means "not (yet)".
"""

from datetime import datetime
from typing import Literal

import msgspec

from core.environments.settings import EnvironmentSettings
from projections.queries.rollout_types import ReleaseBrief, Rollout


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """Who alone may change the place, until `expires_at` if it doesn't renew it: a deployment, or (`run_id`, `stage`) a
    stage that deploys by its own steps."""

    deployment_id: str
    rollout_id: str
    run_id: str = ""
    stage: str = ""
    release_id: str
    by: str = ""
    epoch: int
    since: datetime
    expires_at: datetime
    override_reason: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment or stage that waits; `reason` says in words for what, `position` counts from 1. Rollbacks come
    first."""

    deployment_id: str
    rollout_id: str
    run_id: str = ""
    stage: str = ""
    release_id: str
    by: str
    automatic: bool
    urgent: bool
    position: int
    since: datetime
    reason: str
    opens_at: datetime | None = None


class Freeze(msgspec.Struct, frozen=True, kw_only=True):
    """By hand; the freezes that the settings name are in `settings`."""

    by: str
    reason: str
    since: datetime
    until: datetime | None = None


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """No automatic path deploys this release here."""

    release_id: str
    reason: str
    deployment_id: str
    since: datetime


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An environment in one region. `release` has all traffic `since` then, put there `by` a deployment.

    `kept` are the releases it can go back to, the newest first; `previous` is what a rollback takes.
    """

    region: str
    release: ReleaseBrief | None = None
    since: datetime | None = None
    by: str = ""
    deployment_id: str = ""
    rollout_id: str = ""
    address: str = ""
    previous: ReleaseBrief | None = None
    kept: tuple[ReleaseBrief, ...] = ()
    lock: Lock | None = None
    queue: tuple[Waiting, ...] = ()
    frozen: Freeze | None = None
    quarantine: tuple[Quarantined, ...] = ()


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """By its own settings (freezes, deployment windows) nothing but a rollback begins until `opens_at`."""

    reason: str
    opens_at: datetime | None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """`declared`: the app still names it. `rollouts` are those under way. `closed` says why nothing may begin now."""

    app: str
    name: str
    declared: bool
    strategy: str
    risk: str
    critical: bool
    waves: tuple[tuple[str, ...], ...]
    places: tuple[Place, ...]
    rollouts: tuple[Rollout, ...] = ()
    closed: Closed | None = None


class EnvironmentDetail(Environment, frozen=True, kw_only=True):
    """With its settings, and where they are from: the delivery file of `commit`, or `set_by` somebody by the API."""

    settings: EnvironmentSettings | None = None
    source: Literal["file", "api", ""] = ""
    set_by: str = ""
    commit: str = ""
    set_at: datetime | None = None


class PlaceChange(msgspec.Struct, frozen=True, kw_only=True):
    """`release` had all traffic of the place from `since` to `until` (None: it has it now).

    `rollback`: it came back then.
    """

    app: str
    environment: str
    region: str
    version: int
    release: ReleaseBrief
    since: datetime
    until: datetime | None
    deployment_id: str
    rollout_id: str
    rollback: bool
    by: str


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """`deployed` are the places (`<environment>/<region>`) where it has all traffic; `quarantined` keep it out."""

    app: str
    id: str
    kind: Literal["tree", "file", "image"]
    digest: str
    location: str
    commit: str
    run_id: str
    author: str
    title: str
    config: dict[str, str]
    incompatible_before: bool
    created_at: datetime
    deployed: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
