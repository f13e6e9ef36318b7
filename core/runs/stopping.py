"""Stopping jobs: at once where no agent has them, by the agent's word (or a deadline) where one does."""

from datetime import timedelta
from typing import Final

from core.runs import events as e
from core.runs.draft import Draft
from core.runs.endings import attempt_ending
from core.runs.state import JobState

UNCONFIRMED_AFTER: Final = timedelta(seconds=60)


def stop_jobs(draft: Draft, stage_name: str, reason: str) -> None:
    """Stop every open job of a running stage. Those that run end later, all others now."""
    stage = draft.state.stages[stage_name]
    for job_id in stage.pending[: stage.next]:
        _stop(draft, job_id, draft.state.jobs[job_id], reason)
    rest = tuple(stage.pending[stage.next :])
    if rest:
        draft.tell(e.JobsSkipped(stage=stage_name, jobs=rest, code=reason))


def _stop(draft: Draft, job_id: str, job: JobState, reason: str) -> None:
    if job.cancelling:
        return
    if job.status == "running":
        draft.tell(cancel_request(draft, job_id, reason, waits=True))
    elif job.status == "queued":
        draft.tell(cancel_request(draft, job_id, reason))
        draft.tell(attempt_ending(draft.state, job_id, job.attempt, "cancelled", reason))


def cancel_request(draft: Draft, job_id: str, reason: str, waits: bool = False) -> e.JobCancelRequested:
    """`waits`: an agent has the attempt and is given time to say how it ended."""
    state = draft.state
    job = state.jobs[job_id]
    region, pool = state.place(job)
    return e.JobCancelRequested(
        job_id=job_id,
        attempt=job.attempt,
        region=region,
        pool=pool,
        reason=reason,
        deadline_at=draft.now + UNCONFIRMED_AFTER if waits else None,
    )
