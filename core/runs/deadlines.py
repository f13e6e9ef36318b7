"""What a Run does when time is up. Each deadline that has come leads to an event that removes it.

| waiting for                        | at the longest         | then                                              |
|------------------------------------|------------------------|---------------------------------------------------|
| the plan                           | 10 min                 | the run ends: error, `definition-timeout`         |
| an approval                        | its timeout            | the stage fails: `approval-expired`               |
| an agent                           | 24 h                   | the job ends: error, `queue-timeout`              |
| a running job                      | its timeout + 60 s     | it is told to stop and counts as failed: `timeout` |
| a running job that was cancelled   | 60 s                   | the job ends: cancelled, `unconfirmed`            |
| an answer of the app to a deploy   | 10 min                 | the stage ends: error, `deploy-unanswered`        |
| a rollout                          | the deploy's timeout   | it is aborted, and the stage fails: `deploy-timeout` |
| a rollout that was aborted         | 15 min                 | the stage ends: `unconfirmed`                     |
| what protects an environment       | 10 min                 | the stage ends: error, `environment-unanswered`   |
| an environment's lock              | 7 days                 | the stage ends: error, `lock-timeout`             |
| the renewal of its locks           | 100 s                  | they are renewed                                  |
"""

from datetime import datetime

from core.runs.approvals import expire_approval
from core.runs.attempts import end_attempt
from core.runs.draft import Draft
from core.runs.endings import run_error
from core.runs.environment_notes import expire_entering, renewal_due
from core.runs.retries import TIMEOUT
from core.runs.rollout_notes import expire_deploy
from core.runs.state import RunState
from core.runs.stopping import cancel_request


def deadline(state: RunState) -> datetime | None:
    return state.timers.first()


def expire(draft: Draft, names: list[str]) -> None:
    """`names` are the deadlines that have come."""
    for name in names:
        kind, _, subject = name.partition(":")
        if draft.state.status == "finished":
            return
        if kind == "plan":
            detail = "the pipeline file was not read within 10 minutes; is a definition worker running in this region?"
            draft.tell(run_error(draft.state, "definition-timeout", detail))
        elif kind == "approval" and draft.state.stages[subject].status == "approval":
            expire_approval(draft, subject)
        elif kind == "job":
            _expire_job(draft, subject)
        elif kind == "deploy" and draft.state.stages[subject].status == "deploying":
            expire_deploy(draft, subject)
        elif kind == "enter" and draft.state.stages[subject].status == "entering":
            expire_entering(draft, subject)
        elif kind == "renew":
            renewal_due(draft, subject)


def _expire_job(draft: Draft, job_id: str) -> None:
    job = draft.state.jobs[job_id]
    if job.status == "queued":
        why = f" ({job.blocked})" if job.blocked else ""
        detail = f"no agent took the job within 24 hours{why}"
        stop = cancel_request(draft, job_id, "queue-timeout")
        end_attempt(draft, job_id, "error", "queue-timeout", detail, first=stop)
    elif job.status == "running" and job.cancelling:
        detail = f"agent {job.agent_id} did not confirm within 60 s"
        end_attempt(draft, job_id, "cancelled", "unconfirmed", detail)
    elif job.status == "running":
        seconds = draft.state.job_plan(job).timeout_seconds
        detail = f"no result from agent {job.agent_id} 60 s after the timeout of {seconds} s"
        end_attempt(draft, job_id, "failure", TIMEOUT, detail, first=cancel_request(draft, job_id, TIMEOUT))
