"""What people may do with an environment: freeze it, and let a release in again that was rolled back."""

from fastapi import APIRouter

from core.environments.commands import FreezeEnvironment, LiftQuarantine, UnfreezeEnvironment
from core.eventlog.serialization import Message
from gateway.dependencies import Gateway, IdPart, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers
from gateway.rest.delivery_inputs import Lifting, NewFreeze, Thaw
from gateway.rest.environment_lookup import chosen_regions, existing_environment, place_target
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Write
from projections.queries.environment_types import EnvironmentDetail

router = APIRouter(prefix=API, tags=["environments"])
_EVERYWHERE = Thaw()
_NO_REASON = Lifting()


@router.post("/apps/{app}/environments/{environment}/freeze", **answers(EnvironmentDetail))
async def freeze(app: NamePart, environment: NamePart, body: NewFreeze, gateway: Gateway, write: Writing) -> Json:
    """Nothing is deployed there until then, or until it is lifted. Rollbacks go through."""
    command = FreezeEnvironment(by=write.actor, reason=body.reason, until=body.until)
    return Json(await _tell_places(gateway, write, app, environment, body.regions, command))


@router.post("/apps/{app}/environments/{environment}/unfreeze", **answers(EnvironmentDetail))
async def unfreeze(
    app: NamePart, environment: NamePart, gateway: Gateway, write: Writing, body: Thaw = _EVERYWHERE
) -> Json:
    """Lifts a freeze made by hand; those that the settings name stay."""
    command = UnfreezeEnvironment(by=write.actor)
    return Json(await _tell_places(gateway, write, app, environment, body.regions, command))


@router.post("/apps/{app}/environments/{environment}/quarantine/{release}/lift", **answers(EnvironmentDetail))
async def lift_quarantine(
    app: NamePart,
    environment: NamePart,
    release: IdPart,
    gateway: Gateway,
    write: Writing,
    body: Lifting = _NO_REASON,
) -> Json:
    """Lets a release in again that was rolled back; in all regions that keep it out, if none is named."""
    found = await existing_environment(gateway, app, environment)
    keep_out = [place.region for place in found.places if any(q.release_id == release for q in place.quarantine)]
    regions = list(chosen_regions(found, body.regions)) if body.regions else keep_out
    if not regions:
        detail = f"Release '{release}' is not in quarantine anywhere in {app}/{environment}."
        raise ApiError(409, "release-not-quarantined", detail)
    command = LiftQuarantine(release_id=release, by=write.actor, reason=body.reason)
    return Json(await _tell_places(gateway, write, app, environment, regions, command))


async def _tell_places(
    gateway: GatewayState,
    write: Write,
    app: str,
    name: str,
    regions: list[str],
    command: Message,
) -> EnvironmentDetail:
    """Each of these regions (or all); answers with what the views show afterwards."""
    found = await existing_environment(gateway, app, name)
    for region in chosen_regions(found, regions):
        target = await place_target(gateway, app, name, region)
        answer = await write.part(region).decide(target, command)
        await gateway.gate.wait_for(answer.decision.position, gateway.services.settings.read_timeout_seconds)
    return await existing_environment(gateway, app, name)
