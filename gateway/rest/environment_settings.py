"""The environments of an app, set by the API instead of the repository's `delivery.yml`."""

import asyncio

from fastapi import APIRouter, Request

from core.catalog.commands import SetEnvironments
from core.delivery_file.document import read_delivery
from core.environments.settings import EnvironmentSettings
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, decided, decides
from gateway.rest.apps import app_target, existing_app
from gateway.rest.permissions import API

router = APIRouter(prefix=API, tags=["environments"])
_FILE = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.put("/apps/{app}/environments", openapi_extra={"requestBody": _FILE}, **decides())
async def set_environments(app: NamePart, request: Request, gateway: Gateway, write: Writing) -> Json:
    """The body is a `delivery.yml` (JSON is YAML, too). From here on the files of the repository are not heard."""
    await existing_app(gateway, app)
    environments = await asyncio.to_thread(_read, await request.body(), app)
    command = SetEnvironments(environments=environments, source="api", by=write.actor)
    return decided(await write.decide(app_target(gateway, app), command))


@router.delete("/apps/{app}/environments", **decides())
async def give_environments_back(app: NamePart, gateway: Gateway, write: Writing) -> Json:
    """Gives the word back to the repository: all stays as it is until the next run on the default branch."""
    await existing_app(gateway, app)
    command = SetEnvironments(environments=(), source="file", by=write.actor, release_control=True)
    return decided(await write.decide(app_target(gateway, app), command))


def _read(source: bytes, app: str) -> tuple[EnvironmentSettings, ...]:
    """Raises 422 `delivery-file-invalid`, with all that is wrong and where."""
    delivery = read_delivery(source, app=app)
    if delivery.problems:
        first = delivery.problems[0]
        more = f", and {len(delivery.problems) - 1} more" if len(delivery.problems) > 1 else ""
        detail = f"{first.file}:{first.line}:{first.column}: {first.message}{more}."
        raise ApiError(422, "delivery-file-invalid", detail, file_problems=delivery.problems)
    return delivery.environments
