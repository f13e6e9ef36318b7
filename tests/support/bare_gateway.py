"""A gateway app with nothing behind it: for what is decided before the log or the views are asked."""

from typing import Any, NoReturn

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from core.eventlog.topics import Topology
from gateway.app import create_app
from gateway.approval_links import LinkSigner
from gateway.auth import Authenticator, Principal, hash_token
from gateway.services import GatewayServices, GatewaySettings
from infra.memory.clock import ManualClock
from projections.queries.database import ReadSide

ROLES = ("viewer", "developer", "approver", "admin", "agent")


def token_of(role: str) -> str:
    return f"sl_{role}"


def bare_gateway() -> FastAPI:
    """Knows one principal for each role, by `token_of(role)`. Whoever gets past the checks fails with 500 or 503."""
    people = {hash_token(token_of(role)): Principal(f"a-{role}", (role,)) for role in ROLES}  # type: ignore[arg-type]

    async def nobody(token_hash: str) -> Principal | None:
        return None

    clock = ManualClock()
    services = GatewayServices(
        settings=GatewaySettings(public_url="http://gateway", version="0"),
        topology=Topology(("us-east",)),
        clock=clock,
        random_text=lambda length: "r" * length,
        bus=_Nothing(),
        cluster=_Nothing(),
        tail=_Nothing(),
        db=ReadSide(create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")),
        objects=_Nothing(),
        log_readers=_nothing,
        webhook_secret=lambda app: "secret",
        signing_key=lambda subscription, version: b"key",
        links=LinkSigner("key"),
        person=_nothing,
        redeliver=_nothing,
    )
    return create_app(services, Authenticator(nobody, clock, people))


def _nothing(*_: Any) -> NoReturn:
    raise ConnectionError("there is nothing behind this gateway")


class _Nothing:
    def __getattr__(self, name: str) -> Any:
        return _nothing
