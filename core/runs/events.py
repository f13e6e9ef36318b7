"""What happened to a Run. One golden JSON per (type, version) lies in tests/replay/golden/."""

from datetime import datetime
from typing import Literal

from core.aggregate import SHELL_EVENTS
from core.eventlog.serialization import Catalogue, Message
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.runs.spec import JobSpec, LogSummary, Outcome, StepOutcome, StepResult
from core.trigger import Trigger

RunOutcome = Literal["success", "failure", "cancelled", "error", "invalid", "ignored"]


class RunRequested(Message, frozen=True, kw_only=True):
    TYPE = "run.requested"
    app: str
    number: int
    trigger: Trigger
    repository_url: str
    default_branch: str
    pipeline_path: str


class RunPlanned(Message, frozen=True, kw_only=True):
    """The plan is fixed. `default_branch`: whether this is the newest word on the app's schedules."""

    TYPE = "run.planned"
    app: str
    plan: Plan
    commit: str
    title: str
    author: str
    default_branch: bool
    round: int


class RunInvalidated(Message, frozen=True, kw_only=True):
    """The file can't be compiled. RunFinished("invalid") follows."""

    TYPE = "run.invalidated"
    commit: str
    problems: tuple[Problem, ...]


class RunStarted(Message, frozen=True, kw_only=True):
    """The stages begin. `round` counts from 1 and grows by one with each re-run."""

    TYPE = "run.started"
    round: int


class RunCancelRequested(Message, frozen=True, kw_only=True):
    TYPE = "run.cancel_requested"
    by: str
    reason: str
    detail: str = ""


class RunRerunRequested(Message, frozen=True, kw_only=True):
    """`stages` run again in `round`; the others keep outcome and outputs. A concurrency group is entered anew."""

    TYPE = "run.rerun_requested"
    app: str
    mode: Literal["all", "failed", "from_stage"]
    by: str
    stages: tuple[str, ...]
    jobs: tuple[str, ...]
    round: int


class RunFinished(Message, frozen=True, kw_only=True):
    """The end of a round. `code` and `detail` say why where the outcome alone does not."""

    TYPE = "run.finished"
    app: str
    outcome: RunOutcome
    round: int
    code: str = ""
    detail: str = ""


class ApprovalRequested(Message, frozen=True, kw_only=True):
    """The stage waits for `count` people, holding no agent, until `expires_at`."""

    TYPE = "approval.requested"
    stage: str
    count: int
    groups: tuple[str, ...] = ()
    prevent_self_approval: bool = False
    expires_at: datetime


class ApprovalGiven(Message, frozen=True, kw_only=True):
    TYPE = "approval.given"
    stage: str
    by: str
    comment: str = ""


class ApprovalDecided(Message, frozen=True, kw_only=True):
    """granted: enough approvals; rejected: somebody said no; expired; withdrawn: the run was cancelled."""

    TYPE = "approval.decided"
    stage: str
    decision: Literal["granted", "rejected", "expired", "withdrawn"]
    by: str = ""
    comment: str = ""


class JobQueued(Message, frozen=True, kw_only=True):
    """An attempt waits for an agent of `pool` in `region`. `spec` is all an agent needs."""

    TYPE = "job.queued"
    job_id: str
    attempt: int
    stage: str
    region: str
    pool: str
    labels: tuple[str, ...] = ()
    priority: int = 0
    spec: JobSpec
    cause: str = ""


class JobBlocked(Message, frozen=True, kw_only=True):
    """Why the queued attempt can't be leased; an empty reason takes it back."""

    TYPE = "job.blocked"
    job_id: str
    attempt: int
    reason: str


class JobStarted(Message, frozen=True, kw_only=True):
    TYPE = "job.started"
    job_id: str
    attempt: int
    epoch: int
    agent_id: str


class StepStarted(Message, frozen=True, kw_only=True):
    """`at` is the agent's clock, `recorded_at` of the envelope ours."""

    TYPE = "step.started"
    job_id: str
    attempt: int
    index: int
    name: str
    at: datetime


class StepFinished(Message, frozen=True, kw_only=True):
    TYPE = "step.finished"
    job_id: str
    attempt: int
    index: int
    name: str
    outcome: StepOutcome
    exit_code: int | None = None
    reason: str = ""
    at: datetime


class JobCancelRequested(Message, frozen=True, kw_only=True):
    """The attempt is queued or running somewhere and must stop. `grace_seconds` from SIGTERM to SIGKILL."""

    TYPE = "job.cancel_requested"
    job_id: str
    attempt: int
    region: str
    pool: str
    reason: str
    grace_seconds: int = 10


class JobFinished(Message, frozen=True, kw_only=True):
    """An attempt ended. With `will_retry` a JobQueued of the next attempt follows, and the job goes on."""

    TYPE = "job.finished"
    job_id: str
    attempt: int
    stage: str
    region: str
    pool: str
    epoch: int
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    will_retry: bool = False
    steps: tuple[StepResult, ...] = ()
    outputs: dict[str, str] = {}
    log: LogSummary = LogSummary()


class StageSkipped(Message, frozen=True, kw_only=True):
    """The stage will not run: its condition is false, or what it needs did not succeed."""

    TYPE = "stage.skipped"
    stage: str
    code: str
    reason: str


EVENTS = Catalogue(
    (
        RunRequested,
        RunPlanned,
        RunInvalidated,
        RunStarted,
        RunCancelRequested,
        RunRerunRequested,
        RunFinished,
        ApprovalRequested,
        ApprovalGiven,
        ApprovalDecided,
        JobQueued,
        JobBlocked,
        JobStarted,
        StepStarted,
        StepFinished,
        JobCancelRequested,
        JobFinished,
        StageSkipped,
        *SHELL_EVENTS,
    )
)
