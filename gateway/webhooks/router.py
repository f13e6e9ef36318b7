"""`POST /webhooks/{forge}`: 202 once the verified delivery is safely in Kafka, a precise refusal otherwise.

Nothing but the body's size and shape is said to somebody who can't sign: no app's existence leaks.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TypeVar, cast, get_args

import msgspec
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from core.delivery import Delivery
from core.forges import DIALECTS, Dialect, Malformed, json_payload, normalise
from core.forges.urls import builtin_app, repository_key
from core.ids import trace_id
from core.trigger import Forge
from gateway.errors import ApiError, request_id_of
from gateway.middleware import PlainRoute
from gateway.rest.answers import Json, answers, problems
from gateway.webhooks.deliveries import id_from_body, store
from gateway.webhooks.services import MAX_BODY_BYTES, WebhookServices
from gateway.webhooks.signatures import Signature, presented

T = TypeVar("T")
CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
_KEPT_HEADERS = re.compile(
    r"content-type|user-agent|idempotency-key|webhook-(id|timestamp)|x-.*(event|delivery|hook|request|attempt|instance).*"
)
_SECRET_HEADERS = re.compile(r".*(token|signature|authorization|cookie|forwarded).*")
_DELIVERY_ID = re.compile(r"[A-Za-z0-9._:{}-]{1,128}")
_APP = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_MAX_HEADERS = 50


class Accepted(msgspec.Struct, frozen=True):
    """The delivery is in the log; `delivery_id` finds what becomes of it."""

    delivery_id: str
    status: str
    correlation_id: str


_REFUSALS = {
    400: "The body is not what the forge documents; the detail names the field.",
    401: "Not signed, or by no secret of an app that is built from this repository.",
    404: "There is no such forge.",
    408: "The body did not arrive in time.",
    413: f"The body is larger than {MAX_BODY_BYTES >> 20} MiB.",
    415: "The body is neither JSON nor a form.",
    422: "Something in the request is not as it must be.",
    503: "The log can't be reached, or too many large deliveries come at once; send it again.",
}
_BODY = {"required": True, "content": {kind: {"schema": {"type": "object"}} for kind in CONTENT_TYPES}}
_PARAMETERS = [
    {"name": "forge", "in": "path", "required": True, "schema": {"type": "string", "enum": list(get_args(Forge))}},
    {"name": "app", "in": "query", "required": False, "schema": {"type": "array", "items": {"type": "string"}}},
]
_DOCUMENTED = answers(Accepted, 202, "The delivery is safely in the log.")
_DOCUMENTED["responses"] |= {status: problems(words) for status, words in _REFUSALS.items()}
_DOCUMENTED |= {"openapi_extra": {"parameters": _PARAMETERS, "requestBody": _BODY}}
# Larger bodies are hashed and parsed outside the event loop.
_INLINE_BYTES = 256 << 10


@dataclass(slots=True)
class _Incoming:
    """`body` comes last."""

    forge: Forge
    dialect: Dialect
    headers: dict[str, str]
    signature: Signature
    body: bytes = b""


def webhooks_router(services: WebhookServices) -> APIRouter:
    """The route, over these services."""
    router = APIRouter(tags=["webhooks"], route_class=PlainRoute)

    @router.post("/webhooks/{forge}", summary="Take a forge's delivery", **_DOCUMENTED)
    async def receive(request: Request) -> Json:
        """`app` names the apps that are meant, for deliveries that do not name their repository (tests of a hook)."""
        incoming = _announced(services, request.path_params["forge"], request)
        async with nullcontext() if _is_small(incoming.headers) else _room(services):
            incoming.body = await _body(services, request)
            delivery, key = await _verified(services, incoming, request.query_params.getlist("app"), request)
            await store(services, delivery, key)
        return Json(Accepted(delivery.delivery_id, "accepted", delivery.correlation_id), 202)

    return router


def _announced(services: WebhookServices, forge: str, request: Request) -> _Incoming:
    """What the headers say, refused where no body could make it right."""
    if forge not in get_args(Forge):
        known = ", ".join(get_args(Forge))
        raise ApiError(404, "forge-unknown", f"There is no forge '{forge[:100]}'. Known are {known}.")
    known_forge = cast(Forge, forge)
    headers = dict(request.headers.items())
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise ApiError(415, "media-type-unsupported", f"A delivery is {' or '.join(CONTENT_TYPES)}.")
    signature = presented(known_forge, headers)
    if signature is None:
        detail = "The delivery is not signed. Set the app's secret in the forge's hook."
        raise ApiError(401, "signature-missing", detail)
    if not signature.fresh(services.clock.now()):
        detail = "The signed time of the delivery is more than 5 minutes away from this server's clock."
        raise ApiError(401, "signature-expired", detail)
    if _stated_bytes(headers) > services.max_body_bytes:
        raise _too_large(services)
    return _Incoming(known_forge, DIALECTS[known_forge], headers, signature)


def _is_small(headers: dict[str, str]) -> bool:
    return "content-length" in headers and _stated_bytes(headers) <= _INLINE_BYTES


@asynccontextmanager
async def _room(services: WebhookServices) -> AsyncIterator[None]:
    """A place for a large delivery, so that many at once cost no memory."""
    try:
        await asyncio.wait_for(services.large.acquire(), services.body_seconds)
    except TimeoutError:
        detail = "Too many large deliveries come at once. Send this one again."
        raise ApiError(503, "busy", detail, {"Retry-After": "5", "Connection": "close"}) from None
    try:
        yield
    finally:
        services.large.release()


async def _body(services: WebhookServices, request: Request) -> bytes:
    """The raw body, refused as soon as it is known to be too large."""
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(services.body_seconds):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                if len(body) > services.max_body_bytes:
                    raise _too_large(services)
                more = message.get("more_body", False)
    except TimeoutError:
        detail = f"The delivery did not arrive within {services.body_seconds:g} s."
        raise ApiError(408, "body-too-slow", detail, {"Connection": "close"}) from None
    return bytes(body)


def _stated_bytes(headers: dict[str, str]) -> int:
    return int(headers.get("content-length", "0"))


def _too_large(services: WebhookServices) -> ApiError:
    detail = f"A delivery may have at most {services.max_body_bytes} bytes."
    return ApiError(413, "payload-too-large", detail, {"Connection": "close"})


async def _verified(
    services: WebhookServices,
    incoming: _Incoming,
    named: Sequence[str],
    request: Request,
) -> tuple[Delivery, str]:
    """The delivery for the apps whose secret signed it, and its key in the log."""
    urls = await _off_loop(incoming, lambda: _repository_urls(incoming))
    candidates = await _candidates(services, incoming.forge, urls, named)
    delivery = await _off_loop(incoming, lambda: _checked(services, incoming, candidates, request))
    builtin = builtin_app(urls[0]) if urls else None
    return delivery, builtin or (repository_key(urls[0]) if urls else delivery.apps[0])


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


def _checked(services: WebhookServices, incoming: _Incoming, candidates: tuple[str, ...], request: Request) -> Delivery:
    """First who sent it: nobody else is told anything about its contents."""
    apps = _signed_by(services, incoming, candidates)
    if not apps:
        detail = "No app that is built from this repository has a secret that fits the signature."
        raise ApiError(401, "signature-invalid", detail)
    delivery = _delivery(services, incoming, apps, request)
    _check_payload(delivery)
    return delivery


def _signed_by(services: WebhookServices, incoming: _Incoming, candidates: tuple[str, ...]) -> tuple[str, ...]:
    if not candidates:
        # An unknown repository takes as long as a wrong signature.
        incoming.signature.verifies(services.webhook_secret("\x00nobody"), incoming.body)
    return tuple(app for app in candidates if incoming.signature.verifies(services.webhook_secret(app), incoming.body))


def _repository_urls(incoming: _Incoming) -> tuple[str, ...]:
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
    incoming: _Incoming,
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
    wanted = (name for name in headers if _is_kept(name))
    return {name[:100]: headers[name][:500] for name in islice(wanted, _MAX_HEADERS)}


@lru_cache(256)
def _is_kept(name: str) -> bool:
    return bool(_KEPT_HEADERS.fullmatch(name)) and not _SECRET_HEADERS.fullmatch(name)


async def _off_loop(incoming: _Incoming, work: Callable[[], T]) -> T:
    """Work on the body: at once where it is small, in a thread where it would stop everybody else."""
    if len(incoming.body) <= _INLINE_BYTES:
        return work()
    return await asyncio.to_thread(work)
