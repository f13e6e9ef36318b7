"""Going back by hand: to what was there before, or to any release that a place keeps."""

from fastapi import APIRouter

from core.catalog.commands import RequestRollout
from core.rollouts.commands import AbortRollout, Origin
from gateway.auth import require
from gateway.dependencies import Caller, Gateway, NamePart, Writing
from gateway.rest.answers import Json, decides
from gateway.rest.apps import app_target
from gateway.rest.delivery_inputs import NewRollback
from gateway.rest.environment_lookup import chosen_regions, existing_environment
from gateway.rest.permissions import API
from gateway.rest.rollout_answers import NewRolloutAnswer, rollout_answer
from gateway.rest.rollout_lookup import rollout_target
from gateway.rollbacks import plan_rollback
from gateway.state import GatewayState
from gateway.writes import Decided, Write
from projections.queries.environment_types import EnvironmentDetail
from projections.queries.place_memory import memories_of
from projections.queries.rollout_types import Rollout

router = APIRouter(prefix=API, tags=["rollouts"])
# Before that nothing of it is anywhere.
_NOT_BEGUN = ("requested", "waiting_approval")


@router.post("/apps/{app}/rollbacks", **decides(NewRolloutAnswer, 201))
async def roll_back(app: NamePart, body: NewRollback, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Straight back, with no build and before all that waits. A rollout under way is taken back itself (`aborted`)."""
    if body.override_reason:
        require(caller, "admin")
    answer = await write.earlier() or await _go_back(gateway, write, app, body, caller.groups)
    return await rollout_answer(gateway, answer)


async def _go_back(
    gateway: GatewayState, write: Write, app: str, body: NewRollback, groups: tuple[str, ...]
) -> Decided:
    environment = await existing_environment(gateway, app, body.environment)
    regions = chosen_regions(environment, body.regions)
    under_way = None if body.to or body.regions else _under_way(environment)
    if under_way is not None:
        command = AbortRollout(by=write.actor, reason=f"rolled back by {write.actor}")
        return await write.decide(await rollout_target(gateway, under_way.id), command)
    places = await memories_of(gateway.services.db, app, body.environment)
    where = f"{app}/{body.environment}"
    plan = plan_rollback(where, places, regions, body.to, named=bool(body.regions))
    request = RequestRollout(
        environment=body.environment,
        release=next(iter(plan.releases.values())),
        origin=Origin(by=write.actor, groups=groups),
        kind="rollback",
        regions=tuple(plan.releases),
        releases=plan.releases,
        leaving=plan.leaving,
        override_reason=body.override_reason or "",
    )
    return await write.decide(app_target(gateway, app), request)


def _under_way(environment: EnvironmentDetail) -> Rollout | None:
    begun = [each for each in environment.rollouts if each.kind == "deploy" and each.state not in _NOT_BEGUN]
    return begun[-1] if begun else None
