"""Every view that is made of events."""

from projections.views import approvals, catalog, concurrency, jobs, pools, principals, runs
from projections.views.delivery_views import DELIVERY_VIEWS

VIEWS = (
    approvals.HANDLERS,
    catalog.HANDLERS,
    concurrency.HANDLERS,
    jobs.HANDLERS,
    pools.HANDLERS,
    principals.HANDLERS,
    runs.HANDLERS,
    *DELIVERY_VIEWS,
)
