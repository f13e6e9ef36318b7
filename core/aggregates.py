"""All aggregates and all policies: what a processor runs."""

from core.aggregate import Aggregate, Policy
from core.catalog.aggregates import APP, PRINCIPAL, RELEASE
from core.concurrency.aggregate import GROUP
from core.environments.aggregate import ENVIRONMENT
from core.policies import catalog, concurrency, deploy_stages, jobs
from core.pools.aggregate import POOL
from core.runs.aggregate import RUN

AGGREGATES: tuple[Aggregate, ...] = (APP, RELEASE, PRINCIPAL, RUN, GROUP, POOL, ENVIRONMENT)

POLICIES: dict[str, tuple[Policy, ...]] = {
    "trigger.accepted": (catalog.request_run,),
    "run.planned": (concurrency.enter_group, concurrency.set_schedules, deploy_stages.set_environments),
    "run.rerun_requested": (concurrency.enter_group,),
    "run.finished": (concurrency.leave_group,),
    "concurrency.run_admitted": (concurrency.admit_run,),
    "concurrency.run_superseded": (concurrency.cancel_superseded,),
    "stage.deploy_requested": (deploy_stages.request_rollout,),
    "stage.deploy_cancel_requested": (deploy_stages.abort_rollout,),
    "app.rollout_accepted": (deploy_stages.note_rollout,),
    "app.rollout_refused": (deploy_stages.refuse_deploy,),
    "rollout.finished": (deploy_stages.finish_deploy,),
    "job.queued": (jobs.enqueue_job,),
    "job.cancel_requested": (jobs.cancel_job,),
    "job.finished": (jobs.release_lease,),
    "lease.accepted": (jobs.start_job,),
    "lease.lost": (jobs.lose_job,),
    "queue.job_explained": (jobs.explain_job,),
    "queue.job_moved": (jobs.move_job,),
    "job.move_refused": (jobs.drop_stray,),
    "pool.restored": (jobs.recall_jobs,),
}
