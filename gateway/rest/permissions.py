"""Which role each route of the API needs. A route that is not in the table is refused, so none is open by mistake."""

import re

from fastapi import Depends
from starlette.requests import HTTPConnection

from core.catalog.commands import Role
from gateway.auth import Principal, bearer_token, require
from gateway.errors import ApiError
from gateway.state import GatewayState

API = "/api/v1"
# Whose bodies may be large; they see to it themselves.
UPLOADS = re.compile(rf"{API}/apps/[^/]+/artifacts")

# Browsers can't send headers with an EventSource or a WebSocket, so these routes also take `?token=`.
TOKEN_IN_QUERY = frozenset(
    {
        "/runs/{run}/watch",
        "/runs/{run}/logs/stream",
        "/runs/{run}/jobs/{job}/attempts/{attempt}/log/stream",
        "/runs/{run}/jobs/{job}/attempts/{attempt}/log/ws",
        "/events/tail",
        "/rollouts/{rollout}/watch",
    }
)

NEEDED_ROLE: dict[str, Role] = {
    "GET /whoami": "viewer",
    "GET /system": "viewer",
    "GET /decisions/{command_id}": "viewer",
    "GET /apps": "viewer",
    "POST /apps": "admin",
    "GET /apps/{app}": "viewer",
    "PATCH /apps/{app}": "admin",
    "DELETE /apps/{app}": "admin",
    "GET /apps/{app}/webhook": "admin",
    "GET /apps/{app}/schedules": "viewer",
    "POST /apps/{app}/runs": "developer",
    "GET /apps/{app}/runs/{number}": "viewer",
    "GET /runs": "viewer",
    "GET /runs/{run}": "viewer",
    "GET /runs/{run}/watch": "viewer",
    "POST /runs/{run}/cancel": "developer",
    "POST /runs/{run}/rerun": "developer",
    "POST /runs/{run}/approvals/{stage}": "approver",
    "POST /runs/{run}/stages/{stage}/override": "admin",
    "GET /runs/{run}/logs/stream": "viewer",
    "GET /runs/{run}/jobs/{job}/attempts/{attempt}/log": "viewer",
    "GET /runs/{run}/jobs/{job}/attempts/{attempt}/log/stream": "viewer",
    "WEBSOCKET /runs/{run}/jobs/{job}/attempts/{attempt}/log/ws": "viewer",
    "GET /approvals": "viewer",
    "GET /environments": "viewer",
    "GET /apps/{app}/environments": "viewer",
    "PUT /apps/{app}/environments": "admin",
    "DELETE /apps/{app}/environments": "admin",
    "GET /apps/{app}/environments/{environment}": "viewer",
    "GET /apps/{app}/history": "viewer",
    "POST /apps/{app}/environments/{environment}/freeze": "admin",
    "POST /apps/{app}/environments/{environment}/unfreeze": "admin",
    "POST /apps/{app}/environments/{environment}/quarantine/{release}/lift": "admin",
    "GET /releases": "viewer",
    "GET /apps/{app}/releases/{release}": "viewer",
    "POST /apps/{app}/releases": "developer",
    "POST /apps/{app}/artifacts": "developer",
    "POST /apps/{app}/deployments": "developer",
    "POST /apps/{app}/rollbacks": "developer",
    "GET /rollouts": "viewer",
    "GET /rollouts/{rollout}": "viewer",
    "GET /rollouts/{rollout}/watch": "viewer",
    "POST /rollouts/{rollout}/approvals": "approver",
    "POST /rollouts/{rollout}/approval-links": "approver",
    "POST /rollouts/{rollout}/promote": "developer",
    "POST /rollouts/{rollout}/pause": "developer",
    "POST /rollouts/{rollout}/resume": "developer",
    "POST /rollouts/{rollout}/abort": "developer",
    "GET /deployments": "viewer",
    "GET /deployments/{deployment}": "viewer",
    "GET /deployments/{deployment}/samples": "viewer",
    "POST /deployments/{deployment}/promote": "developer",
    "POST /deployments/{deployment}/pause": "developer",
    "POST /deployments/{deployment}/resume": "developer",
    "POST /deployments/{deployment}/abort": "developer",
    "POST /deployments/{deployment}/override": "admin",
    "GET /agents": "viewer",
    "GET /pools": "viewer",
    "GET /queue": "viewer",
    "GET /regions": "viewer",
    "POST /regions/{region}/evacuate": "admin",
    "POST /regions/{region}/restore": "admin",
    "PATCH /pools/{region}/{pool}": "admin",
    "POST /pools/{region}/{pool}/agents/{agent}/drain": "admin",
    "GET /deliveries": "viewer",
    "GET /deliveries/{delivery}": "viewer",
    "POST /deliveries/{delivery}/redeliver": "developer",
    "GET /subscriptions": "admin",
    "POST /subscriptions": "admin",
    "GET /subscriptions/{name}": "admin",
    "PATCH /subscriptions/{name}": "admin",
    "POST /subscriptions/{name}/enable": "admin",
    "POST /subscriptions/{name}/disable": "admin",
    "POST /subscriptions/{name}/test": "admin",
    "GET /subscriptions/{name}/secret": "admin",
    "POST /subscriptions/{name}/secret/rotate": "admin",
    "GET /subscriptions/{name}/deliveries": "admin",
    "GET /subscriptions/{name}/deliveries/{delivery}": "admin",
    "POST /subscriptions/{name}/deliveries/{delivery}/redeliver": "admin",
    "GET /events": "viewer",
    "GET /events/tail": "viewer",
    "GET /dead-letters": "admin",
    "POST /lint": "viewer",
    "GET /principals": "admin",
    "POST /principals": "admin",
    "GET /principals/{name}": "admin",
    "PATCH /principals/{name}": "admin",
    "POST /principals/{name}/tokens": "admin",
    "DELETE /principals/{name}/tokens/{token}": "admin",
}


async def authorise(connection: HTTPConnection) -> Principal:
    """The principal behind the request, if it may use the route. Runs before anything else of every API route."""
    gateway: GatewayState = connection.app.state.gateway
    route = connection.scope["route"].path.removeprefix(API)
    token = bearer_token(connection.headers.get("authorization"))
    if token is None and route in TOKEN_IN_QUERY:
        token = connection.query_params.get("token")
    principal = await gateway.authenticator.authenticate(token)
    method = connection.scope.get("method", "WEBSOCKET")
    needed = NEEDED_ROLE.get(f"{method} {route}")
    if needed is None:
        raise ApiError(403, "route-closed", f"{method} {route} is not open to anybody: it has no entry in permissions.")
    require(principal, needed)
    connection.state.principal = principal
    return principal


Authorised = Depends(authorise)
