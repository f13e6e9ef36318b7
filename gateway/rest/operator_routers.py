"""Routers for those who look after the platform; the others are about apps and runs."""

from gateway.rest import (
    approvals,
    deliveries,
    events,
    notifications,
    operations,
    principals,
    regions,
    subscriptions,
    system,
)

OPERATOR_ROUTERS = (
    operations.router,
    approvals.router,
    regions.router,
    deliveries.router,
    events.router,
    principals.router,
    subscriptions.router,
    notifications.router,
    system.router,
)
