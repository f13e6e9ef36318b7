"""Finding the environment, and those of its regions, that a request names. Raises 404 problems."""

from core.environments.commands import COMMANDS
from core.eventlog.envelope import Stream
from gateway.errors import ApiError
from gateway.rest.permissions import API
from gateway.rest.targets import hinted_target
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries.environment_types import EnvironmentDetail
from projections.queries.environments import get_environment


async def existing_environment(gateway: GatewayState, app: str, name: str) -> EnvironmentDetail:
    environment = await get_environment(gateway.services.db, app, name)
    if environment is None:
        detail = f"App '{app}' has no environment '{name}'."
        raise ApiError(404, "environment-unknown", detail, see=f"{API}/apps/{app}/environments")
    return environment


async def place_target(gateway: GatewayState, app: str, environment: str, region: str) -> Target:
    """An environment in one region as the target of a command."""
    stream = Stream("environment", f"{app}/{environment}/{region}")
    return await hinted_target(gateway, stream, region, COMMANDS)


def chosen_regions(environment: EnvironmentDetail, regions: list[str]) -> tuple[str, ...]:
    """These regions of the environment, or all. Raises 404 `region-unknown`."""
    known = tuple(place.region for place in environment.places)
    wrong = [region for region in regions if region not in known]
    if wrong:
        detail = f"{environment.app}/{environment.name} is not in region '{wrong[0]}', but in {', '.join(known)}."
        raise ApiError(404, "region-unknown", detail, regions=known)
    return tuple(dict.fromkeys(regions)) or known
