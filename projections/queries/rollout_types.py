"""What the queries say about rollouts and deployments: the lines of lists, and the one document of each.

Durations are seconds between start and end (or now, while it goes on); times are UTC, None means "not (yet)".
"""

from datetime import datetime
from typing import Literal

import msgspec

from core.analysis.tally import Judged
from core.deployments.commands import ProbeResult
from projections.queries.run_types import ApprovalState, Vote

RolloutState = Literal[
    "requested",
    "waiting_approval",
    "pre_deploy",
    "deploying",
    "baking",
    "watching",
    "halted",
    "paused",
    "aborting",
    "rolling_back",
    "finished",
]
DeploymentState = Literal["requested", "waiting", "moving", "holding", "paused", "rolling_back", "watching", "finished"]
StepState = Literal["pending", "moving", "holding", "done", "skipped"]


class ReleaseBrief(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    commit: str = ""
    run_id: str = ""
    author: str = ""
    title: str = ""


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """The app's `number`th. `state` says how far it is, `reason` in words what it waits for, `wave` counts from 0.

    `outcome`: success | rolled_back | aborted | rejected | error; `code` and `detail` say why.
    """

    id: str
    app: str
    environment: str
    number: int
    region: str
    kind: Literal["deploy", "rollback"]
    release: ReleaseBrief
    strategy: str
    by: str
    automatic: bool
    run_id: str
    stage: str
    waves: tuple[tuple[str, ...], ...]
    wave: int | None
    state: RolloutState
    outcome: str | None
    code: str
    detail: str
    reason: str
    override_reason: str
    created_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None


class RolloutApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A wait for `count` people (members of one of `groups`, if any are named) until `expires_at`."""

    rollout_id: str
    app: str
    environment: str
    number: int
    release: ReleaseBrief
    asked_by: str
    state: ApprovalState
    count: int
    given: int
    groups: tuple[str, ...]
    prevent_self_approval: bool
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decided_by: str
    comment: str
    votes: tuple[Vote, ...]


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """The pre-deploy command (`direction` up) or its way back (down). `output` is the end of what it printed."""

    direction: Literal["up", "down"]
    region: str
    run: str
    phase: str
    state: Literal["running", "success", "failure"]
    exit_code: int | None
    output: str
    detail: str
    requested_at: datetime
    answer_by: datetime | None
    finished_at: datetime | None


class Bake(msgspec.Struct, frozen=True, kw_only=True):
    """Between two waves: until then, and for so many requests in each region."""

    until: datetime
    min_requests: int
    give_up_at: datetime | None
    requests: dict[str, int]


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A pause, a halt or an abort: by whom (nobody: it stopped itself) and why. At `until` it ends for good."""

    at: datetime
    by: str = ""
    code: str = ""
    reason: str = ""
    until: datetime | None = None


class SetNow(msgspec.Struct, frozen=True, kw_only=True):
    """Instances of one release, as the target last showed them."""

    name: str
    release_id: str
    running: int = 0
    ready: int = 0
    weight: int = 0
    restarts: int = 0
    requests: int | None = None
    detail: str = ""


class DeploymentStep(msgspec.Struct, frozen=True, kw_only=True):
    """`weight` is the new release's; `hold_seconds` None: until somebody promotes."""

    index: int
    name: str
    weight: int
    hold_seconds: float | None
    analyse: bool
    state: StepState
    reached_at: datetime | None = None


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """Why it goes, or went, back. `check`, `value` and `sample` name the breach where there is one."""

    at: datetime
    code: str
    detail: str
    check: str = ""
    value: float | None = None
    sample: int | None = None
    by: str = ""
    to: str | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What the deployer was asked for, and when the target was so, or why not. `step` -1: going back.

    `sets`: name, role, replicas and weight of each.
    """

    action: int
    epoch: int
    step: int
    at_once: bool
    sets: tuple[dict[str, str | int], ...]
    requested_at: datetime
    answer_by: datetime | None
    reached_at: datetime | None
    failed_at: datetime | None
    code: str
    detail: str
    retry_at: datetime | None
    probes: tuple[ProbeResult, ...]


class TrafficShift(msgspec.Struct, frozen=True, kw_only=True):
    weights: dict[str, int]
    shifted_at: datetime


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    lost: bool
    detail: str
    recover_by: datetime | None
    sets: tuple[SetNow, ...]
    reported_at: datetime


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One sample's answer to one check. `outcome`: value | empty | too-few | error; `result`, what it was taken for:
    passed | failed | inconclusive | error | pending."""

    number: int
    at: datetime
    outcome: str
    result: str
    value: float | None
    baseline: float | None
    requests: int | None
    detail: str = ""


class CheckSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The newest answers to one check, the oldest first, with its thresholds."""

    name: str
    metric: str = ""
    query: str = ""
    max: float | None = None
    min: float | None = None
    points: tuple[Point, ...] = ()


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """`step` counts from 0 among `steps_total`; `weight` is what the release has now; `reason` why it waits.

    `outcome`: success | rolled_back | aborted | error; `code` and `detail` say why. `watch_ended` after a success:
    quiet | breach (fault was found with it, so the rollout took it back) | superseded.
    """

    id: str
    app: str
    environment: str
    region: str
    rollout_id: str
    kind: Literal["deploy", "rollback"]
    release: ReleaseBrief
    strategy: str
    by: str
    automatic: bool
    override_reason: str
    state: DeploymentState
    outcome: str | None
    watch_ended: str | None
    code: str
    detail: str
    reason: str
    step: int | None
    steps_total: int
    weight: int | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None


class DeploymentDetail(Deployment, frozen=True, kw_only=True):
    """All of a deployment but its older samples. `holds`: the step waits for a promotion; else it ends at `hold_until`.

    `weights` are percent of the requests by set, `sets` what the target last showed, `samples` how many there are.
    `current` is the release that was there before, `requests` what the new one has had as of the newest sample.
    """

    epoch: int | None
    steps: tuple[DeploymentStep, ...]
    weights: dict[str, int]
    holds: bool
    hold_until: datetime | None
    remaining_seconds: float | None
    answer_by: datetime | None
    deadline_at: datetime | None
    paused: Stop | None
    rollback: Rollback | None
    rollback_to: str | None
    now_on: str | None
    current: str | None
    analysis: str | None
    analysis_detail: str
    activated_at: datetime | None
    watch_until: datetime | None
    requests: int | None
    address: str
    sets: tuple[SetNow, ...]
    actions: tuple[Action, ...]
    traffic: tuple[TrafficShift, ...]
    health: tuple[HealthReport, ...]
    checks: tuple[CheckSeries, ...]
    samples: int
    version: int = 0


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """One region's part in a wave. `deployment` is None until it is heard of; `requests` as the bake counts them."""

    region: str
    deployment_id: str
    wave: int
    rollback: bool
    release_id: str
    started_at: datetime
    outcome: str | None
    code: str
    detail: str
    finished_at: datetime | None
    watching: bool
    watched_at: datetime | None
    breached: bool
    requests: int | None
    deployment: DeploymentDetail | None


class RolloutDetail(Rollout, frozen=True, kw_only=True):
    """The whole rollout in one document. `releases` says by region what a rollback goes to, where that differs.

    `version` grows with every event of the rollout, its deployments and their environment.
    """

    releases: dict[str, ReleaseBrief]
    approval: RolloutApproval | None
    hooks: tuple[Hook, ...]
    bake: Bake | None
    halted: Stop | None
    paused: Stop | None
    aborted: Stop | None
    placements: tuple[Placement, ...]
    version: int = 0


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sample with all that was measured. `recorded_at` None: the sampler was asked and has not answered."""

    number: int
    requested_at: datetime | None
    recorded_at: datetime | None
    total_requests: int | None
    probes: tuple[ProbeResult, ...]
    judged: tuple[Judged, ...]
    measurements: tuple["Measured", ...]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    check: str
    outcome: str
    result: str
    value: float | None
    baseline: float | None
    requests: int | None
    detail: str
