"""Finding the rollout that a path names. Raises 404 problems that say what to do."""

from core.eventlog.envelope import Stream
from core.ids import region_of_run
from core.rollouts.commands import COMMANDS
from gateway.errors import ApiError
from gateway.rest.permissions import API
from gateway.rest.targets import hinted_target
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries.rollout_detail import rollout_detail
from projections.queries.rollout_types import RolloutDetail
from projections.queries.rollouts import find_rollout


async def existing_rollout(gateway: GatewayState, name: str) -> str:
    """The id of the rollout called `name`: an id, or `<app>@<number>`."""
    rollout_id = await find_rollout(gateway.services.db, name)
    if rollout_id is None:
        raise _unknown(name)
    return rollout_id


async def rollout_target(gateway: GatewayState, name: str) -> Target:
    """The rollout as the target of a command."""
    rollout_id = await existing_rollout(gateway, name)
    return await hinted_target(gateway, Stream("rollout", rollout_id), region_of_run(rollout_id), COMMANDS)


async def rollout_document(gateway: GatewayState, name: str) -> RolloutDetail:
    document = await rollout_detail(gateway.services.db, await existing_rollout(gateway, name))
    if document is None:
        raise _unknown(name)
    return document


def _unknown(name: str) -> ApiError:
    detail = f"There is no rollout '{name}'. A rollout is called by its id or <app>@<number>."
    return ApiError(404, "rollout-unknown", detail, see=f"{API}/rollouts")
