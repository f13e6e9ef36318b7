"""All routers of the API: each of their routes needs a token."""

from gateway.rest import (
    app_settings,
    apps,
    deliveries,
    events,
    log_socket,
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
    log_socket.router,
    operations.router,
    deliveries.router,
    events.router,
    principals.router,
    system.router,
)
