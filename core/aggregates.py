"""All aggregates and all policies: what a processor runs."""

from core.aggregate import Aggregate
from core.catalog.aggregates import APP, PRINCIPAL, RELEASE
from core.concurrency.aggregate import GROUP
from core.deployments.aggregate import DEPLOYMENT
from core.environments.aggregate import ENVIRONMENT
from core.notifications.aggregate import SUBSCRIPTION
from core.policies.reactions import POLICIES
from core.pools.aggregate import POOL
from core.rollouts.aggregate import ROLLOUT
from core.runs.aggregate import RUN

__all__ = ["AGGREGATES", "POLICIES"]

AGGREGATES: tuple[Aggregate, ...] = (
    APP,
    RELEASE,
    PRINCIPAL,
    SUBSCRIPTION,
    RUN,
    GROUP,
    POOL,
    ENVIRONMENT,
    DEPLOYMENT,
    ROLLOUT,
)
