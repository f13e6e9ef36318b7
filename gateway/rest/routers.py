"""All routers of the API: those that need a token, and those that are open."""

from gateway.rest import (
    app_settings,
    apps,
    deliveries,
    events,
    logs,
    manual_runs,
    operations,
    principals,
    run_commands,
    runs,
    system,
)

API_ROUTERS = (
    apps.router,
    app_settings.router,
    manual_runs.router,
    runs.router,
    run_commands.router,
    logs.router,
    operations.router,
    deliveries.router,
    events.router,
    principals.router,
    system.router,
)
OPEN_ROUTERS = (system.open_router,)
