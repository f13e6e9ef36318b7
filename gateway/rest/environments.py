"""Environments: what is deployed where, since when, by whom, from which commit; freezes and quarantine."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from core.environments.commands import FreezeEnvironment, LiftQuarantine, UnfreezeEnvironment
from core.eventlog.serialization import Message
from gateway.dependencies import Gateway, IdPart, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers
from gateway.rest.apps import existing_app
from gateway.rest.delivery_inputs import Lifting, NewFreeze, Thaw
from gateway.rest.delivery_lookup import chosen_regions, existing_environment, place_target
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Write
from projections.queries import environments as queries
from projections.queries.environment_types import Environment, EnvironmentDetail, PlaceChange
from projections.queries.place_history import HistoryFilter, place_history
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["environments"])
Text = Annotated[str | None, Query(max_length=300)]
_EVERYWHERE = Thaw()
_NO_REASON = Lifting()


class Environments(msgspec.Struct, frozen=True):
    items: tuple[Environment, ...]


class AppEnvironments(msgspec.Struct, frozen=True):
    items: tuple[EnvironmentDetail, ...]


@router.get("/environments", **answers(Environments))
async def list_environments(gateway: Gateway, app: Text = None) -> Json:
    """What is deployed where, since when, by whom, from which commit; who holds locks, who waits, what is frozen."""
    found = await queries.list_environments(gateway.services.db, app)
    return Json(Environments(tuple(map(queries.without_settings, found))))


@router.get("/apps/{app}/environments", **answers(AppEnvironments))
async def list_environments_of_app(app: NamePart, gateway: Gateway) -> Json:
    """The same of one app, with the settings."""
    await existing_app(gateway, app)
    return Json(AppEnvironments(await queries.list_environments(gateway.services.db, app)))


@router.get("/apps/{app}/environments/{environment}", **answers(EnvironmentDetail))
async def get_environment(app: NamePart, environment: NamePart, gateway: Gateway) -> Json:
    """The same of one environment, with its settings."""
    return Json(await existing_environment(gateway, app, environment))


@router.get("/apps/{app}/history", **answers(Page[PlaceChange]))
async def get_history(
    app: NamePart,
    gateway: Gateway,
    environment: Text = None,
    region: Text = None,
    release: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """What was deployed where, when, by whom, from which commit; newest first."""
    await existing_app(gateway, app)
    wanted = HistoryFilter(app=app, environment=environment, region=region, release=release)
    return Json(await place_history(gateway.services.db, wanted, cursor, limit))


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


@router.post(
    "/apps/{app}/environments/{environment}/quarantine/{release}/lift", **answers(EnvironmentDetail)
)
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
