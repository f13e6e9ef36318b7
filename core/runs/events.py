"""What happened to a Run. One golden JSON per (type, version) lies in tests/replay/golden/."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import SHELL_EVENTS
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings, Protection, Window
from core.eventlog.serialization import Catalogue, Message
from core.pipeline.plan import Concurrency, Plan
from core.pipeline.problems import Problem
from core.runs.spec import JobSpec, LogSummary, Outcome, StepOutcome, StepResult
from core.trigger import Trigger

RunOutcome = Literal["success", "failure", "cancelled", "error", "invalid", "ignored"]


class RunRequested(Message, frozen=True, kw_only=True):
    """`plan_by`: without a plan (or a reason for none) until then, the run ends as `definition-timeout`."""

    TYPE = "run.requested"
    app: str
    number: int
    trigger: Trigger
    repository_url: str
    default_branch: str
    pipeline_path: str
    plan_by: datetime | None = None


class RunPlanned(Message, frozen=True, kw_only=True):
    """The plan is fixed. `default_branch`: whether this is the newest word on the app's schedules.

    `number` is the run's, so that an older run can't overrule a newer one. `environments` are those of `delivery.yml`
    (none without the file); None: the file can't be used, so it changes nothing.
    """

    TYPE = "run.planned"
    app: str
    plan: Plan
    commit: str
    title: str
    author: str
    default_branch: bool
    round: int
    number: int = 0
    environments: tuple[EnvironmentSettings, ...] | None = None


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
    """`force`: stages with `if: always()` or cancelled() are stopped too."""

    TYPE = "run.cancel_requested"
    by: str
    reason: str
    detail: str = ""
    force: bool = False


class RunRerunRequested(Message, frozen=True, kw_only=True):
    """`stages` run again in `round`; the others keep outcome and outputs. A concurrency group is entered anew."""

    TYPE = "run.rerun_requested"
    app: str
    mode: Literal["all", "failed", "from_stage"]
    by: str
    stages: tuple[str, ...]
    jobs: tuple[str, ...]
    round: int
    concurrency: Concurrency | None = None


class RunFinished(Message, frozen=True, kw_only=True):
    """The end of a round. `code` and `detail` say why where the outcome alone does not.

    `group` is the concurrency group the round was in, if any.
    """

    TYPE = "run.finished"
    app: str
    outcome: RunOutcome
    round: int
    code: str = ""
    detail: str = ""
    group: str = ""


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
    """An attempt waits for an agent of `pool` in `region`, until `expires_at` at the latest. `spec` is all it needs.

    `pinned`: the pipeline names the region itself, so the attempt stays there whatever happens.
    """

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
    expires_at: datetime | None = None
    pinned: bool = False


class JobMoved(Message, frozen=True, kw_only=True):
    """The queued attempt waits in another pool now: its own was evacuated, or works again."""

    TYPE = "job.moved"
    job_id: str
    attempt: int
    region: str
    pool: str
    reason: str


class JobMoveRefused(Message, frozen=True, kw_only=True):
    """The attempt was over when its pool moved it: the pool it came to must drop it."""

    TYPE = "job.move_refused"
    job_id: str
    attempt: int
    region: str
    pool: str


class JobBlocked(Message, frozen=True, kw_only=True):
    """Why the queued attempt can't be leased; an empty reason takes it back."""

    TYPE = "job.blocked"
    job_id: str
    attempt: int
    reason: str


class JobStarted(Message, frozen=True, kw_only=True):
    """`deadline_at`: without the agent's word until then, the attempt counts as timed out."""

    TYPE = "job.started"
    job_id: str
    attempt: int
    epoch: int
    agent_id: str
    deadline_at: datetime | None = None


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
    """The attempt is queued or running somewhere and must stop. `grace_seconds` from SIGTERM to SIGKILL.

    `deadline_at`: without the agent's word until then, the attempt ends as cancelled, unconfirmed.
    """

    TYPE = "job.cancel_requested"
    job_id: str
    attempt: int
    region: str
    pool: str
    reason: str
    grace_seconds: int = 10
    deadline_at: datetime | None = None


class JobFinished(Message, frozen=True, kw_only=True):
    """An attempt ended. With `will_retry` a JobQueued of the next attempt follows, and the job goes on.

    `agent_id` is set where the agent itself said so. `epoch` 0: the attempt never reached an agent.
    """

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
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    log: LogSummary = LogSummary()
    agent_id: str = ""


class JobsSkipped(Message, frozen=True, kw_only=True):
    """Jobs of a started stage that were never queued and never will be: fail-fast, or the run was cancelled."""

    TYPE = "job.skipped"
    stage: str
    jobs: tuple[str, ...]
    code: str


class StageDeployRequested(Message, frozen=True, kw_only=True):
    """The stage asks its app for a rollout of `release`; without an answer until `answer_by` it ends as an error."""

    TYPE = "stage.deploy_requested"
    app: str
    stage: str
    round: int
    environment: str
    regions: tuple[str, ...] = ()
    strategy: str = ""
    release: Release
    by: str
    automatic: bool = False
    answer_by: datetime


class StageDeployAccepted(Message, frozen=True, kw_only=True):
    """The rollout there is now. It is aborted at `ends_by`, if the stage waits for it."""

    TYPE = "stage.deploy_accepted"
    stage: str
    rollout_id: str
    ends_by: datetime | None = None


class StageDeployCancelRequested(Message, frozen=True, kw_only=True):
    """The rollout must stop and go back. Without a word until `deadline_at` the stage ends, unconfirmed.

    `reason`: timeout, stage-over (it was accepted when the stage had ended already), or the run's cancel reason.
    """

    TYPE = "stage.deploy_cancel_requested"
    stage: str
    rollout_id: str
    reason: str
    deadline_at: datetime | None = None


class StageProtectionRequested(Message, frozen=True, kw_only=True):
    """The stage has steps of its own that go to `environment` (`regions`; empty: all): it asks its app what it keeps to
    there. Without an answer until `answer_by` it ends as an error."""

    TYPE = "stage.protection_requested"
    app: str
    stage: str
    round: int
    environment: str
    regions: tuple[str, ...] = ()
    by: str
    automatic: bool = False
    answer_by: datetime


class StageProtectionNoted(Message, frozen=True, kw_only=True):
    """What it keeps to, for this round. None: the app declares no such environment, and the stage goes on."""

    TYPE = "stage.protection_noted"
    stage: str
    protection: Protection | None = None


class StageLockRequested(Message, frozen=True, kw_only=True):
    """The stage wants the environment's lock in `region`; without it at `give_up_at` it ends as an error."""

    TYPE = "stage.lock_requested"
    app: str
    stage: str
    round: int
    environment: str
    region: str
    release: Release
    by: str
    automatic: bool = False
    freezes: tuple[Window, ...] = ()
    windows: tuple[Window, ...] = ()
    give_up_at: datetime


class StageLockGranted(Message, frozen=True, kw_only=True):
    """It has the lock there, which is renewed at `renew_at`. With the last region's its jobs begin."""

    TYPE = "stage.lock_granted"
    stage: str
    region: str
    epoch: int
    renew_at: datetime


class StageLockRenewalRequested(Message, frozen=True, kw_only=True):
    """The stage still holds the locks under these epochs (by region), and says so again at `next_at`."""

    TYPE = "stage.lock_renewal_requested"
    app: str
    stage: str
    round: int
    environment: str
    locks: dict[str, int]
    next_at: datetime


class StageEnvironmentLeft(Message, frozen=True, kw_only=True):
    """The stage gives back the locks of these regions, or waits for them no longer, because it has ended; or (with a
    `code`) it has lost one of them, and its jobs must stop."""

    TYPE = "stage.environment_left"
    app: str
    stage: str
    round: int
    environment: str
    regions: tuple[str, ...]
    code: str = ""
    detail: str = ""


class StageFinished(Message, frozen=True, kw_only=True):
    """The last job (or the rollout) of the stage ended, or it ended without one. `code` and `detail` say why it did not
    succeed."""

    TYPE = "stage.finished"
    stage: str
    outcome: Outcome
    code: str = ""
    detail: str = ""


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
        JobMoved,
        JobMoveRefused,
        JobBlocked,
        JobStarted,
        StepStarted,
        StepFinished,
        JobCancelRequested,
        JobFinished,
        JobsSkipped,
        StageDeployRequested,
        StageDeployAccepted,
        StageDeployCancelRequested,
        StageProtectionRequested,
        StageProtectionNoted,
        StageLockRequested,
        StageLockGranted,
        StageLockRenewalRequested,
        StageEnvironmentLeft,
        StageFinished,
        StageSkipped,
        *SHELL_EVENTS,
    )
)
