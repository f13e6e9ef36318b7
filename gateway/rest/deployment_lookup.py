"""Finding the deployment that a path names. Raises 404 problems."""

from core.deployments.commands import COMMANDS
from core.eventlog.envelope import Stream
from gateway.errors import ApiError
from gateway.rest.permissions import API
from gateway.rest.targets import hinted_target
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries.deployment_detail import deployment_detail
from projections.queries.deployments import get_deployment
from projections.queries.rollout_types import Deployment, DeploymentDetail


async def existing_deployment(gateway: GatewayState, deployment_id: str) -> Deployment:
    deployment = await get_deployment(gateway.services.db, deployment_id)
    if deployment is None:
        raise _unknown(deployment_id)
    return deployment


async def deployment_target(gateway: GatewayState, deployment_id: str) -> Target:
    """The deployment as the target of a command."""
    deployment = await existing_deployment(gateway, deployment_id)
    return await hinted_target(gateway, Stream("deployment", deployment.id), deployment.region, COMMANDS)


async def deployment_document(gateway: GatewayState, deployment_id: str) -> DeploymentDetail:
    document = await deployment_detail(gateway.services.db, deployment_id)
    if document is None:
        raise _unknown(deployment_id)
    return document


def _unknown(deployment_id: str) -> ApiError:
    detail = f"There is no deployment '{deployment_id}'."
    return ApiError(404, "deployment-unknown", detail, see=f"{API}/deployments")
