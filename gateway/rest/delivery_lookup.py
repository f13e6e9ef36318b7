"""Finding the rollout, the deployment, the environment or the release that a path or a body names. Raises 404 problems."""

from core.deployments.commands import COMMANDS as DEPLOYMENT_COMMANDS
from core.environments.commands import COMMANDS as ENVIRONMENT_COMMANDS
from core.eventlog.envelope import Stream
from core.eventlog.serialization import Catalogue
from core.ids import region_of_run
from core.rollouts.commands import COMMANDS as ROLLOUT_COMMANDS
from gateway.errors import ApiError
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries.audit import stream_range
from projections.queries.deployments import get_deployment
from projections.queries.environment_types import EnvironmentDetail
from projections.queries.environments import get_environment
from projections.queries.rollout_types import Deployment
from projections.queries.rollouts import find_rollout


async def existing_rollout(gateway: GatewayState, name: str) -> str:
    """The id of the rollout called `name`: an id, or `<app>@<number>`."""
    rollout_id = await find_rollout(gateway.services.db, name)
    if rollout_id is None:
        detail = f"There is no rollout '{name}'. A rollout is called by its id or <app>@<number>."
        raise ApiError(404, "rollout-unknown", detail, see=f"{API}/rollouts")
    return rollout_id


async def rollout_target(gateway: GatewayState, name: str) -> Target:
    """The rollout as the target of a command."""
    rollout_id = await existing_rollout(gateway, name)
    return await _target(gateway, Stream("rollout", rollout_id), region_of_run(rollout_id), ROLLOUT_COMMANDS)


async def existing_deployment(gateway: GatewayState, deployment_id: str) -> Deployment:
    deployment = await get_deployment(gateway.services.db, deployment_id)
    if deployment is None:
        raise deployment_unknown(deployment_id)
    return deployment


def deployment_unknown(deployment_id: str) -> ApiError:
    detail = f"There is no deployment '{deployment_id}'."
    return ApiError(404, "deployment-unknown", detail, see=f"{API}/deployments")


async def deployment_target(gateway: GatewayState, deployment_id: str) -> Target:
    """The deployment as the target of a command."""
    deployment = await existing_deployment(gateway, deployment_id)
    return await _target(gateway, Stream("deployment", deployment.id), deployment.region, DEPLOYMENT_COMMANDS)


async def existing_environment(gateway: GatewayState, app: str, name: str) -> EnvironmentDetail:
    environment = await get_environment(gateway.services.db, app, name)
    if environment is None:
        detail = f"App '{app}' has no environment '{name}'."
        raise ApiError(404, "environment-unknown", detail, see=f"{API}/apps/{app}/environments")
    return environment


async def place_target(gateway: GatewayState, app: str, environment: str, region: str) -> Target:
    """An environment in one region as the target of a command."""
    stream = Stream("environment", f"{app}/{environment}/{region}")
    return await _target(gateway, stream, region, ENVIRONMENT_COMMANDS)


def chosen_regions(environment: EnvironmentDetail, regions: list[str]) -> tuple[str, ...]:
    """These regions of the environment, or all. Raises 404 `region-unknown`."""
    known = tuple(place.region for place in environment.places)
    wrong = [region for region in regions if region not in known]
    if wrong:
        detail = f"{environment.app}/{environment.name} is not in region '{wrong[0]}', but in {', '.join(known)}."
        raise ApiError(404, "region-unknown", detail, regions=known)
    return tuple(dict.fromkeys(regions)) or known


async def _target(gateway: GatewayState, stream: Stream, region: str, commands: Catalogue) -> Target:
    place = await stream_range(gateway.services.db, str(stream))
    hint = (place.first_offset, place.last_offset) if place else None
    return Target(stream, region, commands, hint)
