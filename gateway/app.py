"""The gateway as a FastAPI app, made from injected services."""

from fastapi import Depends, FastAPI

from gateway.auth import Authenticator
from gateway.background import lifespan_of
from gateway.dependencies import await_consistency
from gateway.exceptions import install_exception_handlers
from gateway.headers import CONSISTENCY_HEADER
from gateway.middleware import BodyLimit, RequestContext, Shortcut
from gateway.openapi import document
from gateway.rest.open_routers import OPEN_ROUTERS
from gateway.rest.permissions import API, UPLOADS, Authorised
from gateway.rest.routers import API_ROUTERS
from gateway.services import GatewayServices
from gateway.state import make_state

_DESCRIPTION = f"""Everything Sealane can do. Errors are problems (RFC 9457) with a stable `code`.

A write answers with its decision and a `{CONSISTENCY_HEADER}` header; a read that sends it back sees the effect.
"""


_Consistent = Depends(await_consistency)


def create_app(services: GatewayServices, authenticator: Authenticator) -> FastAPI:
    """The app; its background work starts and ends with its lifespan."""
    gateway = make_state(services, authenticator)
    app = FastAPI(
        title="Sealane",
        version=services.settings.version,
        description=_DESCRIPTION,
        lifespan=lifespan_of(gateway),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        # Traces are made from the log (infra/otlp.py); merely asking whether these are wanted takes 6 us a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.gateway = gateway
    # Routes are tried one after the other: those that machines ask, again and again, come first.
    for router in (*services.routers, *OPEN_ROUTERS):
        app.include_router(router)
    for router in API_ROUTERS:
        app.include_router(router, dependencies=[Authorised, _Consistent])
    # Below an included router FastAPI shows no routes; a 405 names the methods of all that share a path.
    routers = (*services.routers, *OPEN_ROUTERS, *API_ROUTERS)
    app.state.routes = [route for router in routers for route in router.routes]
    install_exception_handlers(app)
    app.add_middleware(Shortcut, routes=app.state.routes, handlers=app.exception_handlers)
    app.add_middleware(BodyLimit, limit_bytes=services.settings.body_limit_bytes, prefix=API, large=UPLOADS)
    app.add_middleware(RequestContext, metrics=gateway.metrics, new_request_id=lambda: services.random_text(20))
    document(app)
    return app
