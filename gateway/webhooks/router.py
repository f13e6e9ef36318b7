"""`POST /webhooks/{forge}`: 202 once the verified delivery is safely in Kafka, a precise refusal otherwise.

Nothing but the body's size and shape is said to somebody who can't sign: no app's existence leaks.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from core.delivery import Delivery
from core.forges import DIALECTS, Dialect, Malformed, json_payload, normalise
from core.forges.urls import builtin_app, repository_key
from core.ids import trace_id
from core.trigger import Forge
from gateway.errors import ApiError, request_id_of
from gateway.webhooks.deliveries import id_from_body, store
from gateway.webhooks.services import WebhookServices
from gateway.webhooks.signatures import Signature, presented

CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
_KEPT_HEADERS = re.compile(
    r"content-type|user-agent|idempotency-key|webhook-(id|timestamp)|x-.*(event|delivery|hook|request|attempt|instance).*"
)
_SECRET_HEADERS = re.compile(r".*(token|signature|authorization|cookie|forwarded).*")
_DELIVERY_ID = re.compile(r"[A-Za-z0-9._:{}-]{1,128}")
_APP = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# Larger bodies are hashed and parsed outside the event loop.
_INLINE_BYTES = 256 << 10


_PARAMETERS = [
    {"name": "forge", "in": "path", "required": True, "schema": {"type": "string", "enum": list(get_args(Forge))}},
    {"name": "app", "in": "query", "required": False, "schema": {"type": "array", "items": {"type": "string"}}},
]


@dataclass(frozen=True)
class _Request:
    forge: Forge
    dialect: Dialect
    headers: dict[str, str]
    signature: Signature
    body: bytes


def webhooks_router(services: WebhookServices) -> APIRouter:
    """The route, over these services."""
    router = APIRouter(tags=["webhooks"])

    @router.post(
        "/webhooks/{forge}",
        status_code=202,
        summary="Take a forge's delivery",
        openapi_extra={"parameters": _PARAMETERS},
    )
    async def receive(request: Request) -> JSONResponse:
        """`app` names the apps that are meant, for deliveries that do not name their repository (tests of a hook)."""
        # Read by hand: FastAPI's own reading of parameters takes longer than all the rest of this function.
        incoming = await _read(services, request.path_params["forge"], request)
        delivery, key = await _verified(services, incoming, request.query_params.getlist("app"), request)
        await store(services, delivery, key)
        answer = {
            "delivery_id": delivery.delivery_id,
            "status": "accepted",
            "correlation_id": delivery.correlation_id,
        }
        return JSONResponse(answer, status_code=202)

    return router


async def _read(services: WebhookServices, forge: str, request: Request) -> _Request:
    if forge not in get_args(Forge):
        known = ", ".join(get_args(Forge))
        raise ApiError(
            404,
            "forge-unknown",
            f"There is no forge '{forge[:100]}'. Known are {known}.",
        )
    known_forge = cast(Forge, forge)
    headers = dict(request.headers.items())
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise ApiError(
            415,
            "media-type-unsupported",
            f"A delivery is {' or '.join(CONTENT_TYPES)}.",
        )
    signature = presented(known_forge, headers)
    if signature is None:
        raise ApiError(
            401,
            "signature-missing",
            "The delivery is not signed. Set the app's secret in the forge's hook.",
        )
    if not signature.fresh(services.clock.now()):
        detail = "The signed time of the delivery is more than 5 minutes away from this server's clock."
        raise ApiError(401, "signature-expired", detail)
    body = await _body(request, services.max_body_bytes)
    return _Request(known_forge, DIALECTS[known_forge], headers, signature, body)


async def _body(request: Request, limit: int) -> bytes:
    """The raw body, refused as soon as it is known to be too large."""
    detail = f"A delivery may have at most {limit} bytes."
    if int(request.headers.get("content-length", "0")) > limit:
        raise ApiError(413, "payload-too-large", detail, {"Connection": "close"})
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise ApiError(413, "payload-too-large", detail, {"Connection": "close"})
        chunks.append(chunk)
    return b"".join(chunks)


async def _verified(
    services: WebhookServices,
    incoming: _Request,
    named: Sequence[str],
    request: Request,
) -> tuple[Delivery, str]:
    """The delivery for the apps whose secret signed it, and its key in the log."""
    urls = await _off_loop(incoming, _repository_urls)
    candidates = await _candidates(services, incoming.forge, urls, named)
    apps = await _off_loop(incoming, lambda one: _signed_by(services, one, candidates))
    if not apps:
        detail = "No app that is built from this repository has a secret that fits the signature."
        raise ApiError(401, "signature-invalid", detail)
    delivery = _delivery(services, incoming, apps, request)
    await _off_loop(incoming, lambda one: _check_payload(delivery))
    builtin = builtin_app(urls[0]) if urls else None
    return delivery, builtin or (repository_key(urls[0]) if urls else apps[0])


async def _candidates(
    services: WebhookServices, forge: Forge, urls: tuple[str, ...], named: Sequence[str]
) -> tuple[str, ...]:
    """Apps that may be meant. The built-in server names its app; it may be so new that no view knows it yet."""
    if forge == "builtin":
        found: Sequence[str] = [app for url in urls if (app := builtin_app(url))]
    else:
        found = await services.apps_by_repository(urls) if urls else ()
    chosen = [app for app in named[:20] if _APP.fullmatch(app)]
    return tuple(dict.fromkeys([*found, *chosen]))


def _signed_by(services: WebhookServices, incoming: _Request, candidates: tuple[str, ...]) -> tuple[str, ...]:
    if not candidates:
        # An unknown repository takes as long as a wrong signature.
        incoming.signature.verifies(services.webhook_secret("\x00nobody"), incoming.body)
    return tuple(app for app in candidates if incoming.signature.verifies(services.webhook_secret(app), incoming.body))


def _repository_urls(incoming: _Request) -> tuple[str, ...]:
    try:
        payload = json_payload(incoming.headers.get("content-type", ""), incoming.body)
        return tuple(dict.fromkeys(incoming.dialect.repository_urls(payload)))
    except Malformed as error:
        raise ApiError(400, error.code, error.detail) from error


def _check_payload(delivery: Delivery) -> None:
    """The forge shows our answer to its user: a delivery that can't be understood is refused now, not later."""
    try:
        normalise(delivery)
    except Malformed as error:
        raise ApiError(400, error.code, error.detail) from error


def _delivery(
    services: WebhookServices,
    incoming: _Request,
    apps: tuple[str, ...],
    request: Request,
) -> Delivery:
    given = _first(incoming.headers, incoming.dialect.delivery_headers)
    delivery_id = given if _DELIVERY_ID.fullmatch(given) else id_from_body(incoming.body)
    return Delivery(
        delivery_id=delivery_id,
        forge=incoming.forge,
        event=_first(incoming.headers, incoming.dialect.event_headers)[:100] or "unnamed",
        apps=apps,
        received_at=services.clock.now(),
        body=incoming.body,
        headers=_kept(incoming.headers),
        request_id=request_id_of(request),
        correlation_id=str(getattr(request.state, "correlation_id", "")) or trace_id(delivery_id),
    )


def _first(headers: dict[str, str], names: tuple[str, ...]) -> str:
    return next((headers[name] for name in names if headers.get(name)), "")


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """Headers that say something about the delivery; never a secret, because GitLab's token is one."""
    return {
        name: value[:500]
        for name, value in headers.items()
        if _KEPT_HEADERS.fullmatch(name) and not _SECRET_HEADERS.fullmatch(name)
    }


async def _off_loop(incoming: _Request, work: Any) -> Any:
    """Work on the body: at once where it is small, in a thread where it would stop everybody else."""
    if len(incoming.body) <= _INLINE_BYTES:
        return work(incoming)
    return await asyncio.to_thread(work, incoming)
