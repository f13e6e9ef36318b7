"""Releases: immutable versions of an app. What they are made of comes first, by its digest."""

import asyncio
import re
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request

from core.catalog.commands import RELEASE_COMMANDS, CreateRelease
from core.environments.release import Artifact
from core.environments.release import Release as WholeRelease
from core.eventlog.envelope import Stream
from gateway.artifacts import Received, artifact_key, check_archive, receive
from gateway.dependencies import Gateway, IdPart, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.apps import existing_app
from gateway.rest.delivery_inputs import NewRelease
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries import releases as queries
from projections.queries.environment_types import Release
from projections.queries.types import App, Page

router = APIRouter(prefix=API, tags=["releases"])
UPLOADS = re.compile(rf"{API}/apps/[^/]+/artifacts")
_ARCHIVE = {"required": True, "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}}


class UploadedArtifact(msgspec.Struct, frozen=True):
    """`digest` names it in a release of kind `file`."""

    digest: str
    size_bytes: int


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


@router.post("/apps/{app}/artifacts", openapi_extra={"requestBody": _ARCHIVE}, **answers(UploadedArtifact, 201))
async def upload_artifact(app: NamePart, request: Request, gateway: Gateway) -> Json:
    """The body is a tar.gz, as it is. The same again changes nothing. Then POST a release with its digest."""
    await existing_app(gateway, app)
    async with gateway.uploads:
        received = await receive(request, gateway.services.settings.artifact_limit_bytes)
        await asyncio.to_thread(_keep, gateway, app, received)
    return Json(UploadedArtifact(received.digest, received.size_bytes), 201)


@router.post("/apps/{app}/releases", **decides(status=201))
async def create_release(app: NamePart, body: NewRelease, gateway: Gateway, write: Writing) -> Json:
    """Fix a release for ever. The same again changes nothing; another content under its id is refused."""
    known = await existing_app(gateway, app)
    release = WholeRelease(
        id=body.id or _default_id(body),
        app=app,
        artifact=await _artifact(gateway, known, body),
        commit=body.commit or "",
        author=write.actor,
        title=body.title,
        config=body.config,
        incompatible_before=body.incompatible_before,
    )
    target = Target(Stream("release", f"{app}/{release.id}"), gateway.services.topology.home_region, RELEASE_COMMANDS)
    answer = await write.decide(target, CreateRelease(release=release))
    return decided(answer, 201, Location=f"{API}/apps/{app}/releases/{release.id}")


def release_unknown(app: str, release: str) -> ApiError:
    detail = f"App '{app}' has no release '{release}'."
    return ApiError(404, "release-unknown", detail, see=f"{API}/releases?app={app}")


def _keep(gateway: GatewayState, app: str, received: Received) -> None:
    with received.file as file:
        check_archive(file, received.size_bytes)
        file.seek(0)
        gateway.services.objects.put(artifact_key(app, received.digest), file.read())


def _default_id(body: NewRelease) -> str:
    return (body.commit or "")[:12] if body.kind == "tree" else (body.digest or "").removeprefix("sha256:")[:12]


async def _artifact(gateway: GatewayState, app: App, body: NewRelease) -> Artifact:
    if body.kind == "tree":
        return Artifact(kind="tree", digest=f"git:{body.commit}", location=app.repository_url)
    digest = body.digest or ""
    if body.kind == "image":
        return Artifact(kind="image", digest=digest, location=body.location or "")
    key = artifact_key(app.name, digest)
    if not await asyncio.to_thread(gateway.services.objects.holds, key):
        detail = f"Nothing with digest {digest} was uploaded for app '{app.name}': POST the tar.gz to its artifacts first."
        raise ApiError(404, "artifact-unknown", detail, see=f"{API}/apps/{app.name}/artifacts")
    return Artifact(kind="file", digest=digest, location=key)
