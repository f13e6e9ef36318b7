"""A rollback by hand as the platform is asked for it: a rollout of its own, or the end of the one under way."""

from core.catalog.commands import RequestRollout
from core.rollouts.commands import AbortRollout, Origin
from gateway.rest.apps import app_target
from gateway.rest.delivery_inputs import NewRollback
from gateway.rest.environment_lookup import chosen_regions, existing_environment
from gateway.rest.rollout_lookup import rollout_target
from gateway.rollbacks import plan_rollback
from gateway.state import GatewayState
from gateway.writes import Decided, Write
from projections.queries.environment_types import EnvironmentDetail
from projections.queries.place_memory import memories_of
from projections.queries.rollout_types import Rollout

# Before that nothing of it is anywhere.
_NOT_BEGUN = ("requested", "waiting_approval")


async def go_back(gateway: GatewayState, write: Write, app: str, body: NewRollback, groups: tuple[str, ...]) -> Decided:
    environment = await existing_environment(gateway, app, body.environment)
    regions = chosen_regions(environment, body.regions)
    under_way = None if body.to or body.regions else _under_way(environment)
    if under_way is not None:
        command = AbortRollout(by=write.actor, reason=f"rolled back by {write.actor}")
        stay = _regions_that_stay(environment, under_way)
        asked = write.part("abort") if stay else write
        answer = await asked.decide(await rollout_target(gateway, under_way.id), command)
        if not stay:
            return answer
        regions = stay
    places = await memories_of(gateway.services.db, app, body.environment)
    where = f"{app}/{body.environment}"
    plan = plan_rollback(where, places, regions, body.to, named=bool(body.regions or under_way))
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


def _regions_that_stay(environment: EnvironmentDetail, rollout: Rollout) -> tuple[str, ...]:
    """Where an environment halts instead of going back, an abort leaves the regions that had finished."""
    if environment.settings is None or environment.settings.on_failure != "halt":
        return ()
    done = (place for place in environment.places if place.release and place.release.id == rollout.release.id)
    return tuple(place.region for place in done)
