"""Routers for what is deployed, and how it gets there."""

from gateway.rest import (
    approval_links,
    artifacts,
    deployments,
    environment_commands,
    environment_settings,
    environments,
    release_commands,
    releases,
    rollbacks,
    rollout_commands,
    rollout_requests,
    rollouts,
)

DELIVERY_ROUTERS = (
    environments.router,
    environment_commands.router,
    environment_settings.router,
    artifacts.router,
    releases.router,
    release_commands.router,
    rollout_requests.router,
    rollbacks.router,
    rollouts.router,
    rollout_commands.router,
    approval_links.router,
    deployments.router,
)
