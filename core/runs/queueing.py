"""From a job of the plan to what an agent is asked to do."""

from datetime import timedelta
from typing import Final

from core.ids import region_of_run
from core.pipeline.plan import JobPlan
from core.runs.draft import Draft
from core.runs.events import JobQueued
from core.runs.spec import JobSpec, Source
from core.runs.state import RunState

QUEUE_TIMEOUT: Final = timedelta(hours=24)


def queued(draft: Draft, job_id: str, resolved: JobPlan, cause: str = "") -> JobQueued:
    """The next attempt of the job, whose expressions are already resolved."""
    state = draft.state
    job = state.jobs[job_id]
    region = resolved.region or region_of_run(state.id)
    return JobQueued(
        job_id=job_id,
        attempt=job.attempt + 1,
        stage=job.stage,
        region=region,
        pool=resolved.pool,
        labels=resolved.labels,
        priority=resolved.priority,
        spec=_spec(state, resolved, job.stage, job.attempt + 1, region),
        cause=cause,
        expires_at=draft.now + QUEUE_TIMEOUT,
        pinned=bool(resolved.region),
    )


def _spec(state: RunState, plan: JobPlan, stage: str, attempt: int, region: str) -> JobSpec:
    assert state.trigger is not None
    return JobSpec(
        run_id=state.id,
        job_id=plan.id,
        attempt=attempt,
        app=state.app,
        stage=stage,
        name=plan.name,
        source=Source(state.repository_url, state.commit, state.trigger.ref),
        env=_environment(state, plan, stage, attempt, region),
        steps=plan.steps,
        timeout_seconds=plan.timeout_seconds,
        resources=plan.resources,
        network=plan.network,
        image=plan.image,
    )


def _environment(state: RunState, plan: JobPlan, stage: str, attempt: int, region: str) -> dict[str, str]:
    """The pipeline's own variables under the standard ones. CI may be changed, and what has no value here set."""
    assert state.trigger is not None
    assert state.plan is not None
    standard = {
        "BUILD_ID": str(state.number),
        "RUN_ID": state.id,
        "JOB_ID": plan.id,
        "ATTEMPT": str(attempt),
        "COMMIT_SHA": state.commit,
        "BRANCH": state.trigger.branch,
        "TAG": state.trigger.tag,
        "REPOSITORY": state.repository_url,
        "PIPELINE": state.plan.name,
        "STAGE": stage,
        "ENVIRONMENT": state.stage_plan(stage).environment or "",
        "REGION": region,
        "ACTOR": state.trigger.author,
    }
    env = {"CI": "true"} | standard | plan.env
    env.update((name, value) for name, value in standard.items() if value)
    return env
