"""What a Run remembers: its stages and jobs, and what is due when. Changed by evolve.py only."""

from copy import copy
from typing import Literal

import msgspec

from core.draft import Overlay
from core.environments.settings import Protection
from core.ids import region_of_run
from core.ordered import IdleTimers, Timers
from core.pipeline.plan import JobPlan, Plan, StagePlan
from core.runs.events import RunOutcome
from core.runs.spec import Outcome
from core.trigger import Trigger

RunStatus = Literal["new", "requested", "queued", "running", "finished"]
StageStatus = Literal["waiting", "approval", "entering", "running", "deploying", "ended"]
StageOutcome = Literal["success", "failure", "cancelled", "error", "skipped"]
JobStatus = Literal["idle", "queued", "running", "retrying", "ended"]

# The worst outcome of its jobs is the stage's.
SEVERITY: dict[Outcome, int] = {"success": 0, "cancelled": 1, "error": 2, "failure": 3}
BROKEN = frozenset(("failure", "error"))


class JobState(msgspec.Struct, omit_defaults=True):
    """A job and its latest `attempt`. `index` is its place in the stage's plan.

    `steps` has 0, 1 or 2 for each step: not begun, begun, ended. `ended_*` name the last attempt that ended by
    its agent's own word, so that a word said twice is recognised. `retries` and `losses` count in this round.
    `region` and `pool` are set while the attempt is elsewhere than the plan says.
    """

    stage: str
    index: int
    status: JobStatus = "idle"
    attempt: int = 0
    epoch: int = 0
    agent_id: str = ""
    region: str = ""
    pool: str = ""
    steps: list[int] = []
    cancelling: bool = False
    blocked: str = ""
    retries: int = 0
    losses: int = 0
    ended_attempt: int = 0
    ended_epoch: int = 0
    ended_agent: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    outputs: dict[str, str] = {}

    def draft(self) -> "JobState":
        job = copy(self)
        job.steps = self.steps.copy()
        return job


class StageState(msgspec.Struct, omit_defaults=True):
    """A stage. `index` is its place in the plan; `waiting_on` counts the needed stages that have not ended.

    `pending` are the jobs this round runs, of which the first `next` have been queued; `open_jobs` those that
    have not ended. `after_failure`: it was skipped, and a failure is the reason, however far back. `release` and
    `rollout` are what it deploys, and `stopping` why the rollout was told to go back.

    `protection` is what its own steps keep to in its environment, `locks` the epochs of the locks it holds there, and
    `wanted` the region whose lock it waits for. `lost` says which lock it has lost, so that it must stop.
    """

    index: int
    dependents: list[str] = []
    status: StageStatus = "waiting"
    waiting_on: int = 0
    pending: list[str] = []
    next: int = 0
    open_jobs: int = 0
    worst: Outcome = "success"
    approvals: list[str] = []
    outcome: StageOutcome | None = None
    code: str = ""
    after_failure: bool = False
    outputs: dict[str, str] = {}
    release: str = ""
    rollout: str = ""
    stopping: str = ""
    protection: Protection | None = None
    locks: dict[str, int] = {}
    wanted: str = ""
    lost: str = ""

    def draft(self) -> "StageState":
        return copy(self)


class RunState(msgspec.Struct, omit_defaults=True):
    """One run, all rounds. `cancel` is "" unless somebody asked for it; `rerun_by` is who asked for the round."""

    id: str
    status: RunStatus = "new"
    round: int = 0
    app: str = ""
    number: int = 0
    trigger: Trigger | None = None
    repository_url: str = ""
    default_branch: str = ""
    pipeline_path: str = ""
    plan: Plan | None = None
    commit: str = ""
    title: str = ""
    author: str = ""
    stages: dict[str, StageState] = {}
    jobs: dict[str, JobState] = {}
    open_stages: int = 0
    cancel: Literal["", "requested", "forced"] = ""
    cancel_reason: str = ""
    outcome: RunOutcome | None = None
    rerun_by: str = ""
    timers: Timers = msgspec.field(default_factory=Timers)

    def stage_plan(self, name: str) -> StagePlan:
        assert self.plan is not None
        return self.plan.stages[self.stages[name].index]

    def job_plan(self, job: JobState) -> JobPlan:
        return self.stage_plan(job.stage).jobs[job.index]

    def place(self, job: JobState) -> tuple[str, str]:
        """(region, pool) where the job's latest attempt is, or the next one will be asked for."""
        plan = self.job_plan(job)
        return job.region or plan.region or region_of_run(self.id), job.pool or plan.pool

    @property
    def asked_by(self) -> str:
        """Whose doing the round is."""
        triggered = self.trigger.author if self.trigger else ""
        return self.rerun_by or triggered or self.author or "unknown"

    @property
    def automatic(self) -> bool:
        """Whether nobody asked for just this round: a push, a schedule."""
        return not self.rerun_by and self.trigger is not None and self.trigger.source != "manual"

    @property
    def group(self) -> str:
        """The concurrency group, or nothing."""
        return self.plan.concurrency.group if self.plan and self.plan.concurrency else ""

    def draft(self) -> "RunState":
        state = copy(self)
        state.stages = Overlay(self.stages)
        state.jobs = Overlay(self.jobs)
        state.timers = IdleTimers()
        return state


def initial(identity: str) -> RunState:
    return RunState(id=identity)
