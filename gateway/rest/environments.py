"""Environments: what is deployed where, since when, by whom, from which commit."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from gateway.dependencies import Gateway, NamePart
from gateway.rest.answers import Json, answers
from gateway.rest.apps import existing_app
from gateway.rest.environment_lookup import existing_environment
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from projections.queries import environments as queries
from projections.queries.environment_types import Environment, EnvironmentDetail, PlaceChange
from projections.queries.place_history import HistoryFilter, place_history
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["environments"])
Text = Annotated[str | None, Query(max_length=300)]


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
