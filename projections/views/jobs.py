"""Stages and jobs of a run, each attempt at a job, and the attempt's steps."""

from typing import Any

from core.pipeline.plan import JobPlan, StagePlan
from core.runs.events import (
    JobBlocked,
    JobCancelRequested,
    JobFinished,
    JobMoved,
    JobQueued,
    JobsSkipped,
    JobStarted,
    RunPlanned,
    RunRerunRequested,
    StageDeployAccepted,
    StageDeployRequested,
    StageFinished,
    StageLockGranted,
    StageLockRequested,
    StageProtectionNoted,
    StageProtectionRequested,
    StageSkipped,
    StepFinished,
    StepStarted,
)
from core.runs.spec import StepResult
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.runs import attempts, jobs, stages, steps
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("run")


@HANDLERS.on(RunPlanned)
def planned(fact: Fact, changes: Changes) -> None:
    message: RunPlanned = fact.message
    layers: dict[str, int] = {}
    position = 0
    for order, stage in enumerate(message.plan.stages):
        layers[stage.name] = 1 + max((layers.get(need.stage, -1) for need in stage.needs), default=-1)
        _put_stage(fact.id, order, layers[stage.name], stage, changes)
        for job in stage.jobs:
            _put_job(fact.id, position, stage.name, job, changes)
            position += 1


def _put_stage(run_id: str, position: int, layer: int, stage: StagePlan, changes: Changes) -> None:
    changes.put(
        stages,
        run_id=run_id,
        name=stage.name,
        position=position,
        layer=layer,
        needs=as_json(stage.needs),
        condition=stage.if_,
        max_parallel=stage.max_parallel,
        environment=stage.environment,
        approval=as_json(stage.approval) if stage.approval else None,
        state="pending",
    )


def _put_job(run_id: str, position: int, stage: str, job: JobPlan, changes: Changes) -> None:
    changes.put(
        jobs,
        run_id=run_id,
        job_id=job.id,
        stage=stage,
        name=job.name,
        position=position,
        matrix=as_json(job.matrix),
        region=job.region,
        pool=job.pool,
        labels=as_json(job.labels),
        priority=job.priority,
        step_names=as_json([step.name for step in job.steps]),
        state="pending",
    )


@HANDLERS.on(RunRerunRequested)
def rerun_requested(fact: Fact, changes: Changes) -> None:
    message: RunRerunRequested = fact.message
    for stage in message.stages:
        changes.set(stages, (fact.id, stage), state="pending", outcome=None, code="", detail="", finished_at=None)
    for job_id in message.jobs:
        changes.set(jobs, (fact.id, job_id), state="pending", **_FORGET)


_FORGET: dict[str, Any] = {
    "outcome": None,
    "reason": "",
    "detail": "",
    "blocked_reason": "",
    "agent_id": None,
    "queued_at": None,
    "started_at": None,
    "finished_at": None,
    "deadline_at": None,
}


@HANDLERS.on(StageSkipped)
def stage_skipped(fact: Fact, changes: Changes) -> None:
    message: StageSkipped = fact.message
    changes.set(
        stages,
        (fact.id, message.stage),
        state="skipped",
        code=message.code,
        detail=message.reason,
        finished_at=fact.at,
    )


@HANDLERS.on(StageDeployRequested)
def deploy_requested(fact: Fact, changes: Changes) -> None:
    message: StageDeployRequested = fact.message
    detail = f"asks for a rollout of {message.release.id} to {message.environment}"
    changes.set(stages, (fact.id, message.stage), state="deploying", detail=detail)


@HANDLERS.on(StageDeployAccepted)
def deploy_accepted(fact: Fact, changes: Changes) -> None:
    message: StageDeployAccepted = fact.message
    changes.set(stages, (fact.id, message.stage), detail=f"rollout {message.rollout_id}")


@HANDLERS.on(StageProtectionRequested)
def protection_requested(fact: Fact, changes: Changes) -> None:
    message: StageProtectionRequested = fact.message
    detail = f"asks what protects environment {message.environment}"
    changes.set(stages, (fact.id, message.stage), state="waiting_environment", detail=detail)


@HANDLERS.on(StageLockRequested)
def lock_requested(fact: Fact, changes: Changes) -> None:
    message: StageLockRequested = fact.message
    detail = f"asks for the lock of {message.environment} in {message.region}"
    changes.set(stages, (fact.id, message.stage), state="waiting_environment", detail=detail)


@HANDLERS.on(StageProtectionNoted, StageLockGranted)
def entered(fact: Fact, changes: Changes) -> None:
    """From here on it is what its approval or its jobs are, unless it asks for another lock."""
    changes.set(stages, (fact.id, fact.message.stage), state="pending", detail="")


@HANDLERS.on(StageFinished)
def stage_finished(fact: Fact, changes: Changes) -> None:
    message: StageFinished = fact.message
    changes.set(
        stages,
        (fact.id, message.stage),
        state="finished",
        outcome=message.outcome,
        code=message.code,
        detail=message.detail,
        finished_at=fact.at,
    )


@HANDLERS.on(JobsSkipped)
def jobs_skipped(fact: Fact, changes: Changes) -> None:
    message: JobsSkipped = fact.message
    for job_id in message.jobs:
        key = (fact.id, job_id)
        changes.set(jobs, key, state="skipped", outcome="cancelled", reason=message.code, finished_at=fact.at)


@HANDLERS.on(JobQueued)
def queued(fact: Fact, changes: Changes) -> None:
    message: JobQueued = fact.message
    renewed = {**_FORGET, "queued_at": fact.at, "deadline_at": message.expires_at}
    changes.set(
        jobs,
        (fact.id, message.job_id),
        state="queued",
        attempt=message.attempt,
        region=message.region,
        pool=message.pool,
        **renewed,
    )
    changes.put(
        attempts,
        run_id=fact.id,
        job_id=message.job_id,
        attempt=message.attempt,
        stage=message.stage,
        region=message.region,
        pool=message.pool,
        state="queued",
        cause=message.cause,
        queued_at=fact.at,
    )
    put_step = changes.of(steps).put
    for index, step in enumerate(message.spec.steps):
        put_step(
            {
                "run_id": fact.id,
                "job_id": message.job_id,
                "attempt": message.attempt,
                "index": index,
                "name": step.name,
                "state": "pending",
            }
        )


@HANDLERS.on(JobMoved)
def moved(fact: Fact, changes: Changes) -> None:
    message: JobMoved = fact.message
    place = {"region": message.region, "pool": message.pool}
    changes.set(jobs, (fact.id, message.job_id), blocked_reason="", **place)
    changes.set(attempts, (fact.id, message.job_id, message.attempt), cause=message.reason, **place)


@HANDLERS.on(JobBlocked)
def blocked(fact: Fact, changes: Changes) -> None:
    message: JobBlocked = fact.message
    changes.set(jobs, (fact.id, message.job_id), blocked_reason=message.reason)


@HANDLERS.on(JobStarted)
def started(fact: Fact, changes: Changes) -> None:
    message: JobStarted = fact.message
    running = {"state": "running", "agent_id": message.agent_id, "started_at": fact.at}
    changes.set(jobs, (fact.id, message.job_id), blocked_reason="", deadline_at=message.deadline_at, **running)
    changes.set(attempts, (fact.id, message.job_id, message.attempt), epoch=message.epoch, **running)


@HANDLERS.on(StepStarted)
def step_started(fact: Fact, changes: Changes) -> None:
    message: StepStarted = fact.message
    key = (fact.id, message.job_id, message.attempt, message.index)
    changes.set(steps, key, state="running", started_at=message.at)


@HANDLERS.on(StepFinished)
def step_finished(fact: Fact, changes: Changes) -> None:
    message: StepFinished = fact.message
    changes.set(
        steps,
        (fact.id, message.job_id, message.attempt, message.index),
        state=_step_state(message.outcome),
        outcome=message.outcome,
        exit_code=message.exit_code,
        reason=message.reason,
        finished_at=message.at,
    )


@HANDLERS.on(JobCancelRequested)
def cancel_requested(fact: Fact, changes: Changes) -> None:
    message: JobCancelRequested = fact.message
    changes.set(attempts, (fact.id, message.job_id, message.attempt), cancel_reason=message.reason)
    if message.deadline_at is not None:
        changes.set(jobs, (fact.id, message.job_id), deadline_at=message.deadline_at)


@HANDLERS.on(JobFinished)
def finished(fact: Fact, changes: Changes) -> None:
    message: JobFinished = fact.message
    said = {"outcome": message.outcome, "reason": message.reason, "detail": message.detail, "finished_at": fact.at}
    # A job that will be tried again has not ended: the JobQueued that follows says how it goes on.
    if not message.will_retry:
        ended = {"state": "finished", "attempt": message.attempt, "blocked_reason": "", "deadline_at": None}
        changes.set(jobs, (fact.id, message.job_id), **ended, **said)
    if message.epoch == 0:
        _ensure_attempt(fact, changes)
    changes.set(
        attempts,
        (fact.id, message.job_id, message.attempt),
        state="finished",
        will_retry=message.will_retry,
        outputs=as_json(message.outputs),
        log_chunks=message.log.chunks,
        log_lines=message.log.lines,
        log_bytes=message.log.bytes,
        log_dropped_bytes=message.log.dropped_bytes,
        **said,
    )
    for result in message.steps:
        _settle_step((fact.id, message.job_id, message.attempt, result.index), result, changes)


def _ensure_attempt(fact: Fact, changes: Changes) -> None:
    """An attempt may end before it was ever queued: its expressions had no value."""
    message: JobFinished = fact.message
    changes.ensure(
        attempts,
        run_id=fact.id,
        job_id=message.job_id,
        attempt=message.attempt,
        stage=message.stage,
        region=message.region,
        pool=message.pool,
        queued_at=fact.at,
    )


def _settle_step(key: tuple[str, str, int, int], result: StepResult, changes: Changes) -> None:
    """The final word on a step. Times that were not repeated stay as reported before."""
    times = {"started_at": result.started_at, "finished_at": result.finished_at}
    changes.set(
        steps,
        key,
        state=_step_state(result.outcome),
        outcome=result.outcome,
        exit_code=result.exit_code,
        reason=result.reason,
        **{name: at for name, at in times.items() if at is not None},
    )


def _step_state(outcome: str) -> str:
    return "skipped" if outcome == "skipped" else "finished"
