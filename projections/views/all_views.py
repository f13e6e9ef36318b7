"""Every view that is made of events."""

from projections.views import approvals, catalog, concurrency, jobs, notifications, pools, principals, runs
from projections.views.delivery_views import DELIVERY_VIEWS

VIEWS = (
    approvals.HANDLERS,
    catalog.HANDLERS,
    concurrency.HANDLERS,
    jobs.HANDLERS,
    notifications.HANDLERS,
    pools.HANDLERS,
    principals.HANDLERS,
    runs.HANDLERS,
    *DELIVERY_VIEWS,
)
