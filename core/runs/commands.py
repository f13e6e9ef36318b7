"""What can be asked of a Run. The sender is in the envelope; people who decide something are named in the data."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import Tick
from core.environments.settings import EnvironmentSettings, Protection
from core.eventlog.serialization import Catalogue, Message
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.runs.spec import LogSummary, Outcome, StepOutcome, StepResult
from core.trigger import Trigger


class RequestRun(Message, frozen=True, kw_only=True):
    """Make the run. Repeating it changes nothing."""

    TYPE = "run.request"
    app: str
    number: int
    trigger: Trigger
    repository_url: str
    default_branch: str
    pipeline_path: str


class PlanRun(Message, frozen=True, kw_only=True):
    """The pipeline file was read at `commit` and compiled, and `delivery.yml` as RunPlanned says."""

    TYPE = "run.plan"
    plan: Plan
    commit: str
    title: str = ""
    author: str = ""
    environments: tuple[EnvironmentSettings, ...] | None = None


class InvalidateRun(Message, frozen=True, kw_only=True):
    """The pipeline file is broken, or missing (`pipeline-missing`)."""

    TYPE = "run.invalidate"
    commit: str
    problems: tuple[Problem, ...]


class IgnoreRun(Message, frozen=True, kw_only=True):
    """The trigger section doesn't ask for a run here."""

    TYPE = "run.ignore"
    commit: str
    code: str
    reason: str


class FailRun(Message, frozen=True, kw_only=True):
    """The run can't be prepared: `repository-unavailable`, `commit-not-found` ..."""

    TYPE = "run.fail"
    code: str
    detail: str


class AdmitRun(Message, frozen=True, kw_only=True):
    """The concurrency group lets the run start. `round` is the run's round it was queued for."""

    TYPE = "run.admit"
    round: int


class StartJob(Message, frozen=True, kw_only=True):
    """The agent accepted the lease `epoch` of this attempt."""

    TYPE = "job.start"
    job_id: str
    attempt: int
    epoch: int
    agent_id: str


class ExplainJob(Message, frozen=True, kw_only=True):
    """Why a queued attempt isn't leased yet, in words; empty when nothing is in its way any more."""

    TYPE = "job.explain"
    job_id: str
    attempt: int
    reason: str


class MoveJob(Message, frozen=True, kw_only=True):
    """The attempt's pool was evacuated (or works again): it waits in `pool` of `region` now."""

    TYPE = "job.move"
    job_id: str
    attempt: int
    region: str
    pool: str
    reason: str


class ReportStep(Message, frozen=True, kw_only=True):
    """A step started (`outcome` None) or finished. Refused with `stale-lease` unless agent and epoch hold the lease."""

    TYPE = "step.report"
    job_id: str
    attempt: int
    epoch: int
    agent_id: str
    index: int
    outcome: StepOutcome | None = None
    exit_code: int | None = None
    reason: str = ""
    at: datetime


class FinishJob(Message, frozen=True, kw_only=True):
    """The agent's final word on an attempt. `reason`: exit-code, timeout, cancelled, setup-failed, refused or empty."""

    TYPE = "job.finish"
    job_id: str
    attempt: int
    epoch: int
    agent_id: str
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    steps: tuple[StepResult, ...] = ()
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    log: LogSummary = LogSummary()


class LoseJob(Message, frozen=True, kw_only=True):
    """The pool gave the lease up: the agent was lost, restarted without the job, or left."""

    TYPE = "job.lose"
    job_id: str
    attempt: int
    epoch: int
    reason: str


class RefuseJob(Message, frozen=True, kw_only=True):
    """The attempt can't be brought to any pool (`region-unknown`): it ends as an error."""

    TYPE = "job.refuse"
    job_id: str
    attempt: int
    code: str
    detail: str


class NoteRollout(Message, frozen=True, kw_only=True):
    """The app accepted the rollout that `stage` asked for in `round`."""

    TYPE = "stage.note_rollout"
    stage: str
    round: int
    rollout_id: str


class FinishDeploy(Message, frozen=True, kw_only=True):
    """The rollout is over; or (refused) the app did not accept it, and there is none."""

    TYPE = "stage.finish_deploy"
    stage: str
    round: int
    outcome: Literal["success", "rolled_back", "aborted", "rejected", "error", "refused"]
    rollout_id: str = ""
    code: str = ""
    detail: str = ""


class NoteProtection(Message, frozen=True, kw_only=True):
    """What `stage` keeps to in its environment. None: nothing protects it; or, with a `code`, it can't go there."""

    TYPE = "stage.note_protection"
    stage: str
    round: int
    protection: Protection | None = None
    code: str = ""
    detail: str = ""


class AdmitStage(Message, frozen=True, kw_only=True):
    """The stage holds the environment's lock in `region`, under that epoch."""

    TYPE = "stage.admit"
    stage: str
    round: int
    region: str
    epoch: int


class DenyStage(Message, frozen=True, kw_only=True):
    """The environment doesn't let the stage in (release-quarantined ...), or (`epoch` is set) its lock has expired."""

    TYPE = "stage.deny"
    stage: str
    round: int
    region: str
    code: str
    detail: str
    epoch: int = 0


class ApproveStage(Message, frozen=True, kw_only=True):
    """`by` (member of `groups`) approves or rejects a waiting stage."""

    TYPE = "approval.give"
    stage: str
    by: str
    groups: tuple[str, ...] = ()
    approve: bool = True
    comment: str = ""


class CancelRun(Message, frozen=True, kw_only=True):
    """Stop what runs, skip what waits. `reason`: user | superseded | ...

    `round` > 0 means that round only. `force` also stops what `if: always()` or cancelled() keeps running.
    """

    TYPE = "run.cancel"
    by: str
    reason: str = "user"
    detail: str = ""
    round: int = 0
    force: bool = False


class RerunRun(Message, frozen=True, kw_only=True):
    """Run again: everything, only what failed (or never ran), or `stage` and all that depends on it."""

    TYPE = "run.rerun"
    mode: Literal["all", "failed", "from_stage"]
    by: str
    stage: str = ""


COMMANDS = Catalogue(
    (
        Tick,
        RequestRun,
        PlanRun,
        InvalidateRun,
        IgnoreRun,
        FailRun,
        AdmitRun,
        StartJob,
        ExplainJob,
        MoveJob,
        ReportStep,
        FinishJob,
        LoseJob,
        RefuseJob,
        NoteRollout,
        FinishDeploy,
        NoteProtection,
        AdmitStage,
        DenyStage,
        ApproveStage,
        CancelRun,
        RerunRun,
    )
)
