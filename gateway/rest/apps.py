"""Apps: what is built, and starting a run of it by hand."""

import msgspec
from fastapi import APIRouter

from core.catalog.commands import APP_COMMANDS, ArchiveApp, CreateApp, UpdateApp
from core.eventlog.envelope import Stream
from core.forges.urls import builtin_url
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.inputs import AppChanges, NewApp
from gateway.rest.permissions import API
from gateway.writes import Target
from projections.queries import apps as queries
from projections.queries.types import App

router = APIRouter(prefix=API, tags=["apps"])


class Apps(msgspec.Struct, frozen=True):
    items: tuple[App, ...]


@router.get("/apps", **answers(Apps))
async def list_apps(gateway: Gateway) -> Json:
    """All apps by name, with the newest run of each."""
    return Json(Apps(await queries.list_apps(gateway.services.db)))


@router.post("/apps", **decides(status=201))
async def create_app(body: NewApp, gateway: Gateway, write: Writing) -> Json:
    """Register an app: a repository, and the region its runs live in."""
    region = body.region or gateway.services.topology.home_region
    repository = body.repository_url or builtin_url(body.name)
    values = body.model_dump() | {"region": _known_region(gateway, region), "repository_url": repository}
    answer = await write.decide(app_target(gateway, body.name), CreateApp(**values))
    return decided(answer, 201, Location=f"{API}/apps/{body.name}")


@router.get("/apps/{app}", **answers(App))
async def get_app(app: NamePart, gateway: Gateway) -> Json:
    return Json(await existing_app(gateway, app))


@router.patch("/apps/{app}", **decides())
async def update_app(app: NamePart, body: AppChanges, gateway: Gateway, write: Writing) -> Json:
    """Change some settings; runs that exist keep what they started with."""
    if body.region is not None:
        _known_region(gateway, body.region)
    return decided(await write.decide(app_target(gateway, app), UpdateApp(**body.model_dump())))


@router.delete("/apps/{app}", **decides())
async def archive_app(app: NamePart, gateway: Gateway, write: Writing) -> Json:
    """Archive the app: no further runs, the history stays."""
    return decided(await write.decide(app_target(gateway, app), ArchiveApp()))


async def existing_app(gateway: Gateway, name: str) -> App:
    """Raises 404 `app-unknown`."""
    app = await queries.get_app(gateway.services.db, name)
    if app is None:
        raise ApiError(404, "app-unknown", f"There is no app '{name}'.", see=f"{API}/apps")
    return app


def _known_region(gateway: Gateway, region: str) -> str:
    regions = gateway.services.topology.regions
    if region not in regions:
        detail = f"There is no region '{region}'. Configured are {', '.join(regions)}."
        raise ApiError(422, "region-unknown", detail, regions=regions)
    return region


def app_target(gateway: Gateway, app: str) -> Target:
    return Target(Stream("app", app), gateway.services.topology.home_region, APP_COMMANDS)
