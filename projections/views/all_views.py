"""Every view that is made of events."""

from projections.views import (
    approvals,
    catalog,
    concurrency,
    deployments,
    environments,
    jobs,
    pools,
    principals,
    releases,
    rollout_approvals,
    rollouts,
    runs,
    samples,
)

VIEWS = (
    approvals.HANDLERS,
    catalog.HANDLERS,
    concurrency.HANDLERS,
    deployments.HANDLERS,
    environments.HANDLERS,
    jobs.HANDLERS,
    pools.HANDLERS,
    principals.HANDLERS,
    releases.HANDLERS,
    rollout_approvals.HANDLERS,
    rollouts.HANDLERS,
    runs.HANDLERS,
    samples.HANDLERS,
)
