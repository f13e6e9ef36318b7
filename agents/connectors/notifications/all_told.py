"""Every event of the log that is told of, and how. docs/notifications.md has the table for people."""

from agents.connectors.notifications.about_catalog import AboutEnvironments, WithPrevious, release_created
from agents.connectors.notifications.about_deployments import AboutDeployments, AboutRollouts
from agents.connectors.notifications.about_runs import AboutRuns
from agents.connectors.notifications.announcement import Told
from agents.connectors.notifications.beginnings import Beginnings
from core.catalog.events import APP_EVENTS, RELEASE_EVENTS
from core.deployments.events import EVENTS as DEPLOYMENT_EVENTS
from core.rollouts.events import EVENTS as ROLLOUT_EVENTS
from core.runs.events import EVENTS as RUN_EVENTS


def all_told(beginnings: Beginnings, with_previous: WithPrevious) -> dict[str, Told]:
    """By type of event."""
    runs, deployments = AboutRuns(beginnings), AboutDeployments(beginnings)
    rollouts, environments = AboutRollouts(beginnings), AboutEnvironments(with_previous)
    return {
        "run.requested": Told(RUN_EVENTS, runs.run_requested),
        "run.started": Told(RUN_EVENTS, runs.run_started),
        "run.finished": Told(RUN_EVENTS, runs.run_finished),
        "job.started": Told(RUN_EVENTS, runs.job_started),
        "job.finished": Told(RUN_EVENTS, runs.job_finished),
        "approval.requested": Told(RUN_EVENTS, runs.approval_requested),
        "approval.decided": Told(RUN_EVENTS, runs.approval_decided),
        "release.created": Told(RELEASE_EVENTS, release_created),
        "app.environments_set": Told(APP_EVENTS, environments.environments_set),
        "deployment.release_activated": Told(DEPLOYMENT_EVENTS, deployments.release_activated),
        "deployment.rollback_triggered": Told(DEPLOYMENT_EVENTS, deployments.rollback_triggered),
        "deployment.finished": Told(DEPLOYMENT_EVENTS, deployments.deployment_finished),
        "rollout.requested": Told(ROLLOUT_EVENTS, rollouts.requested),
        "rollout.approval_requested": Told(ROLLOUT_EVENTS, rollouts.approval_requested),
        "rollout.approval_decided": Told(ROLLOUT_EVENTS, rollouts.approval_decided),
        "rollout.halted": Told(ROLLOUT_EVENTS, rollouts.halted),
        "rollout.finished": Told(ROLLOUT_EVENTS, rollouts.finished),
    }
