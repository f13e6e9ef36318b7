"""The life of a job's attempt, as pool and agent report it.

idle --JobQueued--> queued --JobStarted--> running --JobFinished--> ended
                      |                       |--JobFinished(will_retry)--> retrying --JobQueued--> queued
                      `--JobFinished--> ended (cancelled, queue-timeout, refused)

Whoever speaks for an attempt must hold its lease: attempt, epoch and agent as they were when it started, or the
word is refused with `stale-lease`. What was heard before changes nothing, because agents repeat themselves.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec

from core.aggregate import Rejected
from core.runs import commands as c
from core.runs import events as e
from core.runs.draft import Draft
from core.runs.endings import attempt_ending
from core.runs.retries import AGENT_LOST, may_retry
from core.runs.spec import Outcome
from core.runs.stages import after_job, queue_attempt, settle
from core.runs.state import JobState, RunState

SILENCE_AFTER_TIMEOUT: Final = timedelta(seconds=60)
MAX_OUTPUTS: Final = 64 * 1024
MAX_DETAIL: Final = 2000


def start_job(draft: Draft, command: c.StartJob) -> None:
    job = _job(draft.state, command.job_id)
    if _holds(job, command):
        return
    if job.status != "queued" or job.attempt != command.attempt:
        raise _stale(draft.state, command)
    timeout = timedelta(seconds=draft.state.job_plan(job).timeout_seconds)
    draft.tell(
        e.JobStarted(
            job_id=command.job_id,
            attempt=command.attempt,
            epoch=command.epoch,
            agent_id=command.agent_id,
            deadline_at=draft.now + timeout + SILENCE_AFTER_TIMEOUT,
        )
    )


def explain_job(draft: Draft, command: c.ExplainJob) -> None:
    job = _job(draft.state, command.job_id)
    if job.status == "queued" and job.attempt == command.attempt and job.blocked != command.reason:
        draft.tell(e.JobBlocked(job_id=command.job_id, attempt=command.attempt, reason=command.reason))


def move_job(draft: Draft, command: c.MoveJob) -> None:
    job = _job(draft.state, command.job_id)
    if job.status not in ("queued", "running") or job.attempt != command.attempt:
        refuse_move(draft, command)
    elif (job.region, job.pool) != (command.region, command.pool):
        draft.tell(e.JobMoved(**msgspec.structs.asdict(command)))


def refuse_move(draft: Draft, command: c.MoveJob) -> None:
    """It ended while it was on its way: what ended it went to the pool it had left."""
    draft.tell(
        e.JobMoveRefused(job_id=command.job_id, attempt=command.attempt, region=command.region, pool=command.pool)
    )


def report_step(draft: Draft, command: c.ReportStep) -> None:
    job = _job(draft.state, command.job_id)
    if _ended_by(job, command):
        return
    if not _holds(job, command):
        raise _stale(draft.state, command)
    steps = draft.state.job_plan(job).steps
    if not 0 <= command.index < len(steps):
        raise Rejected("step-unknown", f"job '{command.job_id}' has {len(steps)} steps, none at index {command.index}")
    name = steps[command.index].name
    phase = job.steps[command.index]
    if command.outcome is None and phase < 1:
        draft.tell(
            e.StepStarted(job_id=command.job_id, attempt=command.attempt, index=command.index, name=name, at=command.at)
        )
    elif command.outcome is not None and phase < 2:
        draft.tell(
            e.StepFinished(
                job_id=command.job_id,
                attempt=command.attempt,
                index=command.index,
                name=name,
                outcome=command.outcome,
                exit_code=command.exit_code,
                reason=command.reason,
                at=command.at,
            )
        )


def finish_job(draft: Draft, command: c.FinishJob) -> None:
    job = _job(draft.state, command.job_id)
    if _ended_by(job, command):
        return
    if not _holds(job, command):
        raise _stale(draft.state, command)
    outcome, reason, detail = _verdict(job, command)
    end_attempt(
        draft,
        command.job_id,
        outcome,
        reason,
        detail[:MAX_DETAIL],
        steps=command.steps,
        outputs=command.outputs if reason != "outputs-too-large" else {},
        log=command.log,
        agent_id=command.agent_id,
    )


def lose_job(draft: Draft, command: c.LoseJob) -> None:
    job = _job(draft.state, command.job_id)
    if (job.ended_attempt, job.ended_epoch) == (command.attempt, command.epoch):
        return
    if job.status != "running" or (job.attempt, job.epoch) != (command.attempt, command.epoch):
        raise Rejected(
            "stale-lease", f"attempt {command.attempt} of job '{command.job_id}' is not running under this lease"
        )
    if job.cancelling:
        end_attempt(draft, command.job_id, "cancelled", "unconfirmed", f"its agent is gone ({command.reason})")
    else:
        end_attempt(draft, command.job_id, "error", AGENT_LOST, f"agent {job.agent_id} is gone ({command.reason})")


def refuse_job(draft: Draft, command: c.RefuseJob) -> None:
    job = _job(draft.state, command.job_id)
    if job.status == "queued" and job.attempt == command.attempt:
        end_attempt(draft, command.job_id, "error", command.code, command.detail)


def end_attempt(
    draft: Draft,
    job_id: str,
    outcome: Outcome,
    reason: str,
    detail: str = "",
    first: e.JobCancelRequested | None = None,
    **more: Any,
) -> None:
    """The live attempt is over: another one, or what follows from the job's end.

    `first` tells an agent that may still have it to stop; it must come before the end, which frees the lease.
    """
    job = draft.state.jobs[job_id]
    again = may_retry(draft.state.job_plan(job).retry, job, outcome, reason)
    if first is not None:
        draft.tell(first)
    draft.tell(attempt_ending(draft.state, job_id, job.attempt, outcome, reason, detail, will_retry=again, **more))
    if again:
        queue_attempt(draft, job_id, cause=f"retry after {reason or outcome}")
    after_job(draft, job.stage)
    settle(draft)


def _verdict(job: JobState, command: c.FinishJob) -> tuple[Outcome, str, str]:
    """What the agent's word means here."""
    if job.cancelling and command.outcome != "success":
        return "cancelled", "cancelled", command.detail
    if command.outcome == "cancelled":
        # Nobody asked for it: the agent stopped for reasons of its own.
        return "error", "agent-stopped", command.detail or f"agent {command.agent_id} stopped before the job was done"
    size = sum(len(name) + len(value) for name, value in command.outputs.items())
    if size > MAX_OUTPUTS:
        detail = f"its outputs have {size:,} characters; at most {MAX_OUTPUTS:,} are kept"
        return "failure", "outputs-too-large", detail
    reason = {"exit-code": "failure"}.get(command.reason, command.reason)
    return command.outcome, reason, command.detail


def _job(state: RunState, job_id: str) -> JobState:
    if job_id not in state.jobs:
        raise Rejected("job-unknown", f"run {state.id} has no job '{job_id}'")
    return state.jobs[job_id]


_Word = c.StartJob | c.ReportStep | c.FinishJob


def _holds(job: JobState, word: _Word) -> bool:
    return job.status == "running" and (job.attempt, job.epoch, job.agent_id) == (
        word.attempt,
        word.epoch,
        word.agent_id,
    )


def _ended_by(job: JobState, word: _Word) -> bool:
    return (job.ended_attempt, job.ended_epoch, job.ended_agent) == (word.attempt, word.epoch, word.agent_id)


def _stale(state: RunState, word: _Word) -> Rejected:
    job = state.jobs[word.job_id]
    held = f", held by {job.agent_id} under epoch {job.epoch}" if job.status == "running" else ""
    detail = (
        f"agent {word.agent_id} does not hold attempt {word.attempt} of job '{word.job_id}' under epoch {word.epoch}: "
        f"the job is at attempt {job.attempt} ({job.status}{held})"
    )
    return Rejected("stale-lease", detail)
