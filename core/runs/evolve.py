"""How each event changes a Run. Total, and in place: a fact that is in the log is not questioned."""

from collections.abc import Callable
from typing import Any

from core.aggregate import CommandIgnored, CommandRejected
from core.pipeline.plan import StagePlan
from core.runs import events as e
from core.runs.retries import retry_kind
from core.runs.state import BROKEN, SEVERITY, JobState, RunState, StageOutcome, StageState
from core.trigger import ZERO_COMMIT


def evolve(state: RunState, event: Any) -> RunState:
    _EVOLVE[type(event)](state, event)
    return state


def _requested(state: RunState, event: e.RunRequested) -> None:
    state.status = "requested"
    state.app = event.app
    state.number = event.number
    state.trigger = event.trigger
    state.commit = event.trigger.commit if event.trigger.commit != ZERO_COMMIT else ""
    state.repository_url = event.repository_url
    state.default_branch = event.default_branch
    state.pipeline_path = event.pipeline_path
    state.timers.set("plan", event.plan_by)


def _planned(state: RunState, event: e.RunPlanned) -> None:
    state.timers.clear("plan")
    state.status = "queued"
    state.round = event.round
    state.plan = event.plan
    state.commit = event.commit
    state.title = event.title
    state.author = event.author
    state.stages = {}
    state.jobs = {}
    for index, plan in enumerate(event.plan.stages):
        state.stages[plan.name] = StageState(index, waiting_on=len(plan.needs))
        for position, job in enumerate(plan.jobs):
            state.jobs[job.id] = JobState(plan.name, position)
        for need in plan.needs:
            state.stages[need.stage].dependents.append(plan.name)
        _set_pending(state.stages[plan.name], [job.id for job in plan.jobs if job.steps])
    state.open_stages = len(event.plan.stages)


def _set_pending(stage: StageState, jobs: list[str]) -> None:
    stage.pending = jobs
    stage.next = 0
    stage.open_jobs = len(jobs)


def _started(state: RunState, event: e.RunStarted) -> None:
    state.status = "running"
    state.round = event.round


def _cancel_requested(state: RunState, event: e.RunCancelRequested) -> None:
    state.cancel = "forced" if event.force else "requested"
    state.cancel_reason = event.reason


def _finished(state: RunState, event: e.RunFinished) -> None:
    state.status = "finished"
    state.outcome = event.outcome
    state.timers.clear_all()


def _rerun_requested(state: RunState, event: e.RunRerunRequested) -> None:
    state.status = "queued"
    state.round = event.round
    state.outcome = None
    state.cancel = ""
    state.cancel_reason = ""
    state.rerun_by = event.by
    chosen = set(event.jobs)
    for name in event.stages:
        _reset_stage(state, state.stage_plan(name), state.stages[name], chosen)
    for name in event.stages:
        needs = state.stage_plan(name).needs
        state.stages[name].waiting_on = sum(state.stages[need.stage].status != "ended" for need in needs)
    state.open_stages = len(event.stages)


def _reset_stage(state: RunState, plan: StagePlan, stage: StageState, chosen: set[str]) -> None:
    stage.status = "waiting"
    stage.outcome = None
    stage.code = ""
    stage.after_failure = False
    stage.approvals = []
    stage.outputs = {}
    stage.release = stage.rollout = stage.stopping = stage.lost = ""
    stage.protection = None
    stage.worst = "success"
    _set_pending(stage, [job.id for job in plan.jobs if job.id in chosen])
    for job in plan.jobs:
        if job.id in chosen:
            _reset_job(state.jobs[job.id])


def _reset_job(job: JobState) -> None:
    job.status = "idle"
    job.outcome = None
    job.reason = ""
    job.outputs = {}
    job.retries = 0
    job.losses = 0


def _approval_requested(state: RunState, event: e.ApprovalRequested) -> None:
    stage = state.stages[event.stage]
    stage.status = "approval"
    stage.approvals = []
    state.timers.set(f"approval:{event.stage}", event.expires_at)


def _approval_given(state: RunState, event: e.ApprovalGiven) -> None:
    stage = state.stages[event.stage]
    stage.approvals = [*stage.approvals, event.by]


def _approval_decided(state: RunState, event: e.ApprovalDecided) -> None:
    state.timers.clear(f"approval:{event.stage}")
    state.stages[event.stage].status = "running"


def _job_queued(state: RunState, event: e.JobQueued) -> None:
    job = state.jobs[event.job_id]
    stage = state.stages[job.stage]
    if job.status == "idle":
        stage.next += 1
    stage.status = "running"
    job.status = "queued"
    job.attempt = event.attempt
    job.epoch = 0
    job.agent_id = ""
    job.region = job.pool = ""
    job.cancelling = False
    state.timers.set(f"job:{event.job_id}", event.expires_at)


def _job_moved(state: RunState, event: e.JobMoved) -> None:
    job = state.jobs[event.job_id]
    job.region, job.pool = event.region, event.pool
    job.blocked = ""


def _job_blocked(state: RunState, event: e.JobBlocked) -> None:
    state.jobs[event.job_id].blocked = event.reason


def _job_started(state: RunState, event: e.JobStarted) -> None:
    job = state.jobs[event.job_id]
    job.status = "running"
    job.epoch = event.epoch
    job.agent_id = event.agent_id
    job.blocked = ""
    job.steps = [0] * len(state.job_plan(job).steps)
    state.timers.set(f"job:{event.job_id}", event.deadline_at)


def _step_started(state: RunState, event: e.StepStarted) -> None:
    state.jobs[event.job_id].steps[event.index] = 1


def _step_finished(state: RunState, event: e.StepFinished) -> None:
    state.jobs[event.job_id].steps[event.index] = 2


def _job_cancel_requested(state: RunState, event: e.JobCancelRequested) -> None:
    state.jobs[event.job_id].cancelling = True
    if event.deadline_at is not None:
        state.timers.set(f"job:{event.job_id}", event.deadline_at)


def _job_finished(state: RunState, event: e.JobFinished) -> None:
    job = state.jobs[event.job_id]
    stage = state.stages[job.stage]
    state.timers.clear(f"job:{event.job_id}")
    if job.status == "idle":
        stage.next += 1
        stage.status = "running"
    job.attempt = event.attempt
    job.blocked = ""
    job.steps = []
    if event.agent_id:
        job.ended_attempt, job.ended_epoch, job.ended_agent = event.attempt, event.epoch, event.agent_id
    if event.will_retry:
        job.status = "retrying"
        if retry_kind(event.outcome, event.reason) == "agent_lost":
            job.losses += 1
        else:
            job.retries += 1
        return
    job.status = "ended"
    job.outcome = event.outcome
    job.reason = event.detail or event.reason
    job.outputs = event.outputs
    stage.open_jobs -= 1
    if SEVERITY[event.outcome] > SEVERITY[stage.worst]:
        stage.worst = event.outcome


def _jobs_skipped(state: RunState, event: e.JobsSkipped) -> None:
    stage = state.stages[event.stage]
    for job_id in event.jobs:
        job = state.jobs[job_id]
        job.status = "ended"
        job.outcome = "cancelled"
        job.reason = event.code
    stage.next += len(event.jobs)
    stage.open_jobs -= len(event.jobs)
    if stage.worst == "success":
        stage.worst = "cancelled"


def _deploy_requested(state: RunState, event: e.StageDeployRequested) -> None:
    stage = state.stages[event.stage]
    stage.status = "deploying"
    stage.release = event.release.id
    state.timers.set(f"deploy:{event.stage}", event.answer_by)


def _deploy_accepted(state: RunState, event: e.StageDeployAccepted) -> None:
    state.stages[event.stage].rollout = event.rollout_id
    state.timers.set(f"deploy:{event.stage}", event.ends_by)


def _deploy_cancel_requested(state: RunState, event: e.StageDeployCancelRequested) -> None:
    stage = state.stages[event.stage]
    if stage.rollout == event.rollout_id and stage.status == "deploying":
        stage.stopping = event.reason
        state.timers.set(f"deploy:{event.stage}", event.deadline_at)


def _protection_requested(state: RunState, event: e.StageProtectionRequested) -> None:
    state.stages[event.stage].status = "entering"
    state.timers.set(f"enter:{event.stage}", event.answer_by)


def _protection_noted(state: RunState, event: e.StageProtectionNoted) -> None:
    state.stages[event.stage].protection = event.protection
    state.timers.clear(f"enter:{event.stage}")


def _lock_requested(state: RunState, event: e.StageLockRequested) -> None:
    stage = state.stages[event.stage]
    stage.status = "entering"
    stage.wanted = event.region
    state.timers.set(f"enter:{event.stage}", event.give_up_at)


def _lock_granted(state: RunState, event: e.StageLockGranted) -> None:
    stage = state.stages[event.stage]
    stage.locks = {**stage.locks, event.region: event.epoch}
    stage.wanted = ""
    state.timers.clear(f"enter:{event.stage}")
    state.timers.set(f"renew:{event.stage}", event.renew_at)


def _lock_renewal_requested(state: RunState, event: e.StageLockRenewalRequested) -> None:
    state.timers.set(f"renew:{event.stage}", event.next_at)


def _environment_left(state: RunState, event: e.StageEnvironmentLeft) -> None:
    stage = state.stages[event.stage]
    stage.locks = {region: epoch for region, epoch in stage.locks.items() if region not in event.regions}
    if stage.wanted in event.regions:
        stage.wanted = ""
    if event.code:
        stage.lost = event.detail or event.code
    if not stage.locks:
        state.timers.clear(f"renew:{event.stage}")


def _stage_finished(state: RunState, event: e.StageFinished) -> None:
    stage = state.stages[event.stage]
    outputs: dict[str, str] = {}
    for job in state.stage_plan(event.stage).jobs:
        outputs.update(state.jobs[job.id].outputs)
    deployed = {"release": stage.release, "rollout": stage.rollout}
    outputs.update((name, value) for name, value in deployed.items() if value)
    stage.outputs = outputs
    state.timers.clear(f"deploy:{event.stage}")
    state.timers.clear(f"enter:{event.stage}")
    _end_stage(state, stage, event.outcome, event.code)


def _stage_skipped(state: RunState, event: e.StageSkipped) -> None:
    stage = state.stages[event.stage]
    state.timers.clear(f"enter:{event.stage}")
    for need in state.stage_plan(event.stage).needs:
        needed = state.stages[need.stage]
        if needed.after_failure or (needed.outcome in BROKEN and not need.allow_failure):
            stage.after_failure = True
    _end_stage(state, stage, "skipped", event.code)


def _end_stage(state: RunState, stage: StageState, outcome: StageOutcome, code: str) -> None:
    stage.status = "ended"
    stage.outcome = outcome
    stage.code = code
    state.open_stages -= 1
    for name in stage.dependents:
        state.stages[name].waiting_on -= 1


def _nothing(state: RunState, event: Any) -> None:
    """Refusals and repetitions are on record, and change nothing."""


_EVOLVE: dict[type[Any], Callable[[RunState, Any], None]] = {
    e.RunRequested: _requested,
    e.RunPlanned: _planned,
    e.RunInvalidated: _nothing,
    e.RunStarted: _started,
    e.RunCancelRequested: _cancel_requested,
    e.RunRerunRequested: _rerun_requested,
    e.RunFinished: _finished,
    e.ApprovalRequested: _approval_requested,
    e.ApprovalGiven: _approval_given,
    e.ApprovalDecided: _approval_decided,
    e.JobQueued: _job_queued,
    e.JobMoved: _job_moved,
    e.JobMoveRefused: _nothing,
    e.JobBlocked: _job_blocked,
    e.JobStarted: _job_started,
    e.StepStarted: _step_started,
    e.StepFinished: _step_finished,
    e.JobCancelRequested: _job_cancel_requested,
    e.JobFinished: _job_finished,
    e.JobsSkipped: _jobs_skipped,
    e.StageDeployRequested: _deploy_requested,
    e.StageDeployAccepted: _deploy_accepted,
    e.StageDeployCancelRequested: _deploy_cancel_requested,
    e.StageProtectionRequested: _protection_requested,
    e.StageProtectionNoted: _protection_noted,
    e.StageLockRequested: _lock_requested,
    e.StageLockGranted: _lock_granted,
    e.StageLockRenewalRequested: _lock_renewal_requested,
    e.StageEnvironmentLeft: _environment_left,
    e.StageFinished: _stage_finished,
    e.StageSkipped: _stage_skipped,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
