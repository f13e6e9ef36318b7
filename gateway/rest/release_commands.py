"""Making a release, of something that is there already."""

import asyncio

from fastapi import APIRouter

from core.catalog.commands import RELEASE_COMMANDS, CreateRelease
from core.environments.release import Artifact, Release
from core.eventlog.envelope import Stream
from gateway.artifacts import artifact_key
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, decided, decides
from gateway.rest.apps import existing_app
from gateway.rest.delivery_inputs import NewRelease
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Target

router = APIRouter(prefix=API, tags=["releases"])


@router.post("/apps/{app}/releases", **decides(status=201))
async def create_release(app: NamePart, body: NewRelease, gateway: Gateway, write: Writing) -> Json:
    """Fix a release for ever. The same again changes nothing; another content under its id is refused."""
    known = await existing_app(gateway, app)
    release = Release(
        id=body.id or _default_id(body),
        app=app,
        artifact=await _artifact(gateway, known.name, known.repository_url, body),
        commit=body.commit or "",
        author=write.actor,
        title=body.title,
        config=body.config,
        incompatible_before=body.incompatible_before,
    )
    target = Target(Stream("release", f"{app}/{release.id}"), gateway.services.topology.home_region, RELEASE_COMMANDS)
    answer = await write.decide(target, CreateRelease(release=release))
    return decided(answer, 201, Location=f"{API}/apps/{app}/releases/{release.id}")


def _default_id(body: NewRelease) -> str:
    return (body.commit or "")[:12] if body.kind == "tree" else (body.digest or "").removeprefix("sha256:")[:12]


async def _artifact(gateway: GatewayState, app: str, repository_url: str, body: NewRelease) -> Artifact:
    if body.kind == "tree":
        return Artifact(kind="tree", digest=f"git:{body.commit}", location=repository_url)
    digest = body.digest or ""
    if body.kind == "image":
        return Artifact(kind="image", digest=digest, location=body.location or "")
    key = artifact_key(app, digest)
    if not await asyncio.to_thread(gateway.services.objects.holds, key):
        detail = f"Nothing with digest {digest} was uploaded for app '{app}': POST the tar.gz to its artifacts first."
        raise ApiError(404, "artifact-unknown", detail, see=f"{API}/apps/{app}/artifacts")
    return Artifact(kind="file", digest=digest, location=key)
