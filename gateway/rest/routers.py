"""All routers of the API: each of their routes needs a token."""

from gateway.rest import app_settings, apps, log_socket, logs, manual_runs, run_commands, runs
from gateway.rest.delivery_routers import DELIVERY_ROUTERS
from gateway.rest.operator_routers import OPERATOR_ROUTERS

API_ROUTERS = (
    apps.router,
    app_settings.router,
    manual_runs.router,
    runs.router,
    run_commands.router,
    logs.router,
    log_socket.router,
    *DELIVERY_ROUTERS,
    *OPERATOR_ROUTERS,
)
