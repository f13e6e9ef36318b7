"""Uploading what a release is made of; then a release can name it by its digest."""

import asyncio

import msgspec
from fastapi import APIRouter, Request

from gateway.artifacts import Received, artifact_key, check_archive, receive
from gateway.dependencies import Gateway, NamePart
from gateway.rest.answers import Json, answers
from gateway.rest.apps import existing_app
from gateway.rest.permissions import API
from gateway.state import GatewayState

router = APIRouter(prefix=API, tags=["releases"])
_ARCHIVE = {"required": True, "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}}


class UploadedArtifact(msgspec.Struct, frozen=True):
    """`digest` names it in a release of kind `file`."""

    digest: str
    size_bytes: int


@router.post("/apps/{app}/artifacts", openapi_extra={"requestBody": _ARCHIVE}, **answers(UploadedArtifact, 201))
async def upload_artifact(app: NamePart, request: Request, gateway: Gateway) -> Json:
    """The body is a tar.gz, as it is. The same again changes nothing. Then POST a release with its digest."""
    await existing_app(gateway, app)
    async with gateway.uploads:
        received = await receive(request, gateway.services.settings.artifact_limit_bytes)
        await asyncio.to_thread(_keep, gateway, app, received)
    return Json(UploadedArtifact(received.digest, received.size_bytes), 201)


def _keep(gateway: GatewayState, app: str, received: Received) -> None:
    with received.file as file:
        check_archive(file, received.size_bytes)
        file.seek(0)
        gateway.services.objects.put(artifact_key(app, received.digest), file.read())
