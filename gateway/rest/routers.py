"""All routers of the API: those that need a token, and those that are open."""

from gateway.rest import apps, events, logs, operations, principals, runs, system

API_ROUTERS = (
    apps.router,
    runs.router,
    logs.router,
    operations.router,
    events.router,
    principals.router,
    system.router,
)
OPEN_ROUTERS = (system.open_router,)
