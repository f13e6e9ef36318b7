"""All policies: which reactions each event sets off."""

from core.aggregate import Policy
from core.policies import catalog, concurrency, deployments, environments, jobs, rollouts

POLICIES: dict[str, tuple[Policy, ...]] = {
    "trigger.accepted": (catalog.request_run,),
    "run.planned": (concurrency.enter_group, concurrency.set_schedules),
    "run.rerun_requested": (concurrency.enter_group,),
    "run.finished": (concurrency.leave_group,),
    "concurrency.run_admitted": (concurrency.admit_run,),
    "concurrency.run_superseded": (concurrency.cancel_superseded,),
    "job.queued": (jobs.enqueue_job,),
    "job.cancel_requested": (jobs.cancel_job,),
    "job.finished": (jobs.release_lease,),
    "lease.accepted": (jobs.start_job,),
    "lease.lost": (jobs.lose_job,),
    "queue.job_explained": (jobs.explain_job,),
    "queue.job_moved": (jobs.move_job,),
    "job.move_refused": (jobs.drop_stray,),
    "pool.restored": (jobs.recall_jobs,),
    "app.rollout_accepted": (rollouts.create_release, rollouts.start_rollout),
    "rollout.wave_started": (rollouts.start_deployments,),
    "rollout.deployments_steered": (rollouts.steer_deployments,),
    "deployment.requested": (deployments.enter_environment,),
    "deployment.lock_renewal_requested": (deployments.renew_lock,),
    "deployment.sample_recorded": (deployments.note_requests,),
    "deployment.rollback_triggered": (deployments.quarantine_release,),
    "deployment.release_activated": (deployments.note_release,),
    "deployment.finished": (deployments.end_deployment,),
    "deployment.watch_ended": (deployments.end_watch,),
    "environment.lock_granted": (environments.admit_deployment,),
    "environment.deployment_refused": (environments.refuse_deployment,),
    "environment.lock_released": (environments.lose_lock,),
    "environment.preemption_requested": (environments.preempt_deployment,),
}
