"""The gateway as a FastAPI app, made from injected services."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from gateway.auth import Authenticator
from gateway.consistency import CONSISTENCY_HEADER, ProjectionGate
from gateway.decisions import PendingDocument
from gateway.dependencies import await_consistency
from gateway.errors import ApiError, install_error_handlers, problem_response, request_id_of
from gateway.idempotency import DecisionMemory
from gateway.metrics import GatewayMetrics
from gateway.middleware import BodyLimit, RequestContext
from gateway.realtime.event_hub import EventHub
from gateway.realtime.log_gap import GapReader
from gateway.realtime.log_tail import LogTail
from gateway.rest.answers import Json, add_schemas
from gateway.rest.permissions import API, Authorised
from gateway.rest.routers import API_ROUTERS, OPEN_ROUTERS
from gateway.services import GatewayServices
from gateway.state import GatewayState
from gateway.writes import Undecided
from projections.queries.consistency import read_offsets
from projections.queries.cursors import InvalidCursor

_log = logging.getLogger("sealane.gateway")
_DESCRIPTION = f"""Everything Sealane can do. Errors are problems (RFC 9457) with a stable `code`.

A write answers with its decision and a `{CONSISTENCY_HEADER}` header; a read that sends it back sees the effect.
"""


_Consistent = Depends(await_consistency)


def create_app(services: GatewayServices, authenticator: Authenticator) -> FastAPI:
    """The app; its background work starts and ends with its lifespan."""
    gateway = _state(services, authenticator)
    app = FastAPI(
        title="Sealane",
        version=services.settings.version,
        description=_DESCRIPTION,
        lifespan=_lifespan(gateway),
        separate_input_output_schemas=False,
    )
    app.state.gateway = gateway
    for router in API_ROUTERS:
        app.include_router(router, dependencies=[Authorised, _Consistent])
    for router in (*OPEN_ROUTERS, *services.routers):
        app.include_router(router)
    install_error_handlers(app)
    app.add_exception_handler(Undecided, _undecided)
    app.add_exception_handler(InvalidCursor, _invalid_cursor)
    app.add_middleware(BodyLimit, limit_bytes=services.settings.body_limit_bytes, prefix=API)
    app.add_middleware(RequestContext, metrics=gateway.metrics, new_request_id=lambda: services.random_text(20))
    _document(app)
    return app


def _state(services: GatewayServices, authenticator: Authenticator) -> GatewayState:
    metrics = GatewayMetrics(services.registry)
    return GatewayState(
        services=services,
        metrics=metrics,
        authenticator=authenticator,
        gate=ProjectionGate(lambda: read_offsets(services.db)),
        hub=EventHub(services.tail, (authenticator.observe,)),
        log_tail=LogTail(services.log_readers, services.topology, metrics.log_tail_lag.set),
        gaps=GapReader(services.log_readers),
        decisions=DecisionMemory(),
    )


def _lifespan(gateway: GatewayState) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        works: tuple[Callable[[], Awaitable[None]], ...] = (gateway.hub.run, *gateway.services.background)
        tasks = [asyncio.ensure_future(_kept_up(work)) for work in works]
        try:
            yield
        finally:
            gateway.closing.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await gateway.log_tail.close()

    return lifespan


async def _kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Background work that fails is said and begun again."""
    while True:
        try:
            await work()
            return
        except Exception:
            _log.exception("background work failed and starts over")
            await asyncio.sleep(1.0)


async def _undecided(request: Request, error: Exception) -> Response:
    assert isinstance(error, Undecided)
    url = f"{API}/decisions/{error.command_id}"
    detail = "The command is safely in the log and will be decided; nothing has to be sent again."
    return Json(PendingDocument(command_id=error.command_id, detail=detail, decision_url=url), 202, {"Location": url})


async def _invalid_cursor(request: Request, error: Exception) -> Response:
    return problem_response(ApiError(400, "cursor-invalid", str(error)), request_id_of(request))


def _document(app: FastAPI) -> None:
    """OpenAPI 3.1 with the schemas of the structs that are really sent."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            add_schemas(document)
            schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
            schemes["token"] = {"type": "http", "scheme": "bearer", "description": "`sl_...`, see POST /principals"}
            document["security"] = [{"token": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
