"""Routers for what is deployed, and how it gets there."""

from gateway.rest import approval_links, deployments, environments, releases, rollbacks, rollout_requests, rollouts

DELIVERY_ROUTERS = (
    environments.router,
    releases.router,
    rollout_requests.router,
    rollbacks.router,
    rollouts.router,
    approval_links.router,
    deployments.router,
)
