"""The views of what is deployed, and how it gets there."""

from projections.views import deployments, environments, releases, rollout_approvals, rollouts, samples

DELIVERY_VIEWS = (
    releases.HANDLERS,
    environments.HANDLERS,
    rollouts.HANDLERS,
    rollout_approvals.HANDLERS,
    deployments.HANDLERS,
    samples.HANDLERS,
)
