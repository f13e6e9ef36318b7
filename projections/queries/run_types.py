"""What the queries say about runs: the line of a list, and the one document of a run with all below it.

Durations are seconds between start and end (or now, while it goes on); times are UTC, None means "not (yet)".
"""

from datetime import datetime
from typing import Literal

import msgspec

from core.pipeline.plan import Need
from core.pipeline.problems import Problem

RunState = Literal["requested", "queued", "running", "waiting", "finished"]
StageState = Literal[
    "pending", "waiting_approval", "waiting_environment", "queued", "running", "deploying", "finished", "skipped"
]
JobState = Literal["pending", "waiting_approval", "queued", "offered", "running", "finished", "skipped"]
StepState = Literal["pending", "running", "finished", "skipped"]
ApprovalState = Literal["pending", "granted", "rejected", "expired", "withdrawn"]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: requested (the file is not read yet) | queued (behind another run of its concurrency group) |
    running | waiting (only for approvals) | finished. `outcome`: success | failure | cancelled | error |
    invalid | ignored. `code` and `detail` say why where the outcome alone does not. `round` grows with re-runs.
    """

    id: str
    app: str
    number: int
    region: str
    state: RunState
    outcome: str | None
    code: str
    detail: str
    pipeline: str
    source: str
    ref: str
    branch: str
    tag: str
    pull_request: int | None
    commit: str
    title: str
    author: str
    actor: str
    round: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    delivery_id: str
    correlation_id: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`index` counts from 0."""

    index: int
    name: str
    state: StepState
    outcome: str | None = None
    exit_code: int | None = None
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_seconds: float | None = None


class LogTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent said it sent of a log; `dropped_bytes` > 0 is a truncation, on record."""

    chunks: int = 0
    lines: int = 0
    bytes: int = 0
    dropped_bytes: int = 0


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a job. `key` names its log; `cause` why it exists (retry, re-run ...), `reason` how it ended."""

    attempt: int
    key: str
    state: Literal["queued", "offered", "running", "finished"]
    outcome: str | None
    reason: str
    detail: str
    cause: str
    region: str
    pool: str
    agent_id: str | None
    epoch: int | None
    will_retry: bool
    cancel_reason: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    outputs: dict[str, str]
    log: LogTotals
    steps: tuple[Step, ...]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` says in words why the job is in its state; `steps` are those of the newest attempt, or as planned.

    `attempt` is the newest attempt's number, 0 before the first; at `deadline_at` the job ends, or is tried again,
    if nothing is heard of it.
    """

    id: str
    name: str
    stage: str
    state: JobState
    outcome: str | None
    reason: str
    matrix: dict[str, str]
    region: str | None
    pool: str
    labels: tuple[str, ...]
    priority: int
    attempt: int
    agent_id: str | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    deadline_at: datetime | None
    steps: tuple[Step, ...]
    attempts: tuple[Attempt, ...]


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    comment: str
    at: datetime


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A wait for `count` people (members of one of `groups`, if any are named) until `expires_at`."""

    run_id: str
    app: str
    number: int
    branch: str
    commit: str
    title: str
    author: str
    stage: str
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


class StageRollout(msgspec.Struct, frozen=True, kw_only=True):
    """The rollout that a stage deploys by, in short; `GET /rollouts/{id}` tells all of it."""

    id: str
    app: str
    number: int
    environment: str
    release_id: str
    strategy: str
    state: str
    outcome: str | None
    reason: str
    created_at: datetime


class StageLock(msgspec.Struct, frozen=True, kw_only=True):
    """The lock of an environment in a region, as a stage with steps of its own asked for it in `round`: it waits for it
    (`reason` says why) or holds it `since` then, or has given it back. `code` says why it was refused."""

    app: str
    environment: str
    region: str
    round: int
    state: Literal["queued", "holding", "released", "expired", "left", "refused"]
    since: datetime
    reason: str
    opens_at: datetime | None
    code: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the DAG. `layer` is its longest distance from a stage without needs: equal layers may run together.

    `reason` says in words why it waits or was skipped; `condition` is its `if`.
    """

    name: str
    position: int
    layer: int
    needs: tuple[Need, ...]
    condition: str | None
    environment: str | None
    max_parallel: int | None
    state: StageState
    outcome: str | None
    code: str
    reason: str
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    approval: Approval | None
    jobs: tuple[Job, ...]
    rollout: StageRollout | None = None
    locks: tuple[StageLock, ...] = ()


class ConcurrencyPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run stands in its concurrency group. `position` counts from 1 among the queued ones."""

    group: str
    policy: str
    state: Literal["admitted", "queued", "superseded", "left", "entering"]
    position: int | None = None
    behind: str | None = None
    superseded_by: str | None = None


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    reason: str
    detail: str
    at: datetime


class RunDetail(Run, frozen=True, kw_only=True):
    """The whole run in one document. `reason` says in words what it waits for; `version` grows with every event of it
    and of its rollouts, and of the environments whose locks its stages asked for.
    """

    reason: str
    description: str
    repository_url: str
    pipeline_path: str
    base_branch: str
    inputs: dict[str, str]
    plan_by: datetime | None
    planned_at: datetime | None
    stages: tuple[Stage, ...]
    approvals: tuple[Approval, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    concurrency: ConcurrencyPlace | None
    cancellation: Cancellation | None
    log: LogTotals
    version: int = 0
