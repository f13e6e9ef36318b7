"""Releases: immutable versions of an app, and where each of them is."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.dependencies import Gateway, IdPart, NamePart
from gateway.rest.answers import Json, answers
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.rest.release_lookup import release_unknown
from projections.queries import releases as queries
from projections.queries.environment_types import Release
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["releases"])


@router.get("/releases", **answers(Page[Release]))
async def list_releases(
    gateway: Gateway,
    app: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """Newest first, with where each of them is."""
    return Json(await queries.list_releases(gateway.services.db, app, cursor, limit))


@router.get("/apps/{app}/releases/{release}", **answers(Release))
async def get_release(app: NamePart, release: IdPart, gateway: Gateway) -> Json:
    found = await queries.get_release(gateway.services.db, app, release)
    if found is None:
        raise release_unknown(app, release)
    return Json(found)
