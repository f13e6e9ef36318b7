"""All routers of the API: those that need a token, and those that are open."""

from gateway.rest import (
    app_settings,
    apps,
    deliveries,
    events,
    health,
    log_socket,
    logs,
    manual_runs,
    operations,
    principals,
    reference,
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
    log_socket.router,
    operations.router,
    deliveries.router,
    events.router,
    principals.router,
    system.router,
)
OPEN_ROUTERS = (health.router, reference.router)
