"""Principals and tokens. A token is shown once, when it is made; the log only ever has its hash."""

from contextlib import suppress
from datetime import datetime

import msgspec
from fastapi import APIRouter

from core.catalog.commands import PRINCIPAL_COMMANDS, CreatePrincipal, IssueToken, RevokeToken, UpdatePrincipal
from core.eventlog.envelope import Stream
from gateway.auth import hash_token, make_token
from gateway.dependencies import Caller, Gateway, IdPart, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.inputs import NewPrincipal, NewToken, PrincipalChanges
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries.principals import get_principal as find_principal
from projections.queries.principals import list_principals
from projections.queries.types import Principal

router = APIRouter(prefix=API, tags=["principals"])
_FOR_EVER = NewToken()


class Principals(msgspec.Struct, frozen=True):
    items: tuple[Principal, ...]


class IssuedToken(msgspec.Struct, frozen=True):
    """`token` is never shown again."""

    id: str
    principal: str
    token: str
    expires_at: datetime | None
    consistency: str


class Whoami(msgspec.Struct, frozen=True):
    name: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    pools: tuple[str, ...]


@router.get("/whoami", **answers(Whoami))
async def whoami(caller: Caller) -> Json:
    """Who the token belongs to, and what it may do."""
    return Json(Whoami(caller.name, caller.roles, caller.groups, caller.pools))


@router.get("/principals", **answers(Principals))
async def get_principals(gateway: Gateway) -> Json:
    return Json(Principals(await list_principals(gateway.services.db)))


@router.get("/principals/{name}", **answers(Principal))
async def get_principal(name: NamePart, gateway: Gateway) -> Json:
    principal = await find_principal(gateway.services.db, name)
    if principal is None:
        raise ApiError(404, "principal-unknown", f"There is no principal '{name}'.")
    return Json(principal)


@router.post("/principals", **decides(status=201))
async def create_principal(body: NewPrincipal, gateway: Gateway, write: Writing) -> Json:
    """A person or a machine. Roles: viewer < developer < approver < admin, and agent beside them."""
    command = CreatePrincipal(
        name=body.name, roles=tuple(body.roles), groups=tuple(body.groups), pools=tuple(body.pools)
    )
    return decided(await write.decide(_target(gateway, body.name), command), 201)


@router.patch("/principals/{name}", **decides())
async def update_principal(name: NamePart, body: PrincipalChanges, gateway: Gateway, write: Writing) -> Json:
    """Holds for all of its tokens at once."""
    values = {key: tuple(value) for key, value in body.model_dump(exclude_none=True).items()}
    return decided(await write.decide(_target(gateway, name), UpdatePrincipal(**values)))


@router.post("/principals/{name}/tokens", **decides(IssuedToken, 201))
async def issue_token(name: NamePart, gateway: Gateway, write: Writing, body: NewToken = _FOR_EVER) -> Json:
    """A repetition under the same Idempotency-Key does not show the token again."""
    random_text = gateway.services.random_text
    token, token_id = make_token(random_text(40)), random_text(12).strip("-_") or "token"
    command = IssueToken(
        token_id=token_id, token_hash=hash_token(token), description=body.description, expires_at=body.expires_at
    )
    answer = await write.decide(_target(gateway, name), command)
    if answer.replayed:
        detail = "This request was decided before; its token was shown then. Issue another one."
        raise ApiError(409, "token-shown-once", detail, answer.headers)
    position = answer.decision.position
    # The token shall be good with its first request. It is shown only now, so views that are away don't keep it back.
    with suppress(ApiError):
        await gateway.gate.wait_for(position, gateway.services.settings.read_timeout_seconds)
    return decided(answer, 201, IssuedToken(token_id, name, token, body.expires_at, str(position)))


@router.delete("/principals/{name}/tokens/{token}", **decides())
async def revoke_token(name: NamePart, token: IdPart, gateway: Gateway, write: Writing) -> Json:
    """Effective as soon as the gateways have seen the event."""
    return decided(await write.decide(_target(gateway, name), RevokeToken(token_id=token)))


def _target(gateway: GatewayState, name: str) -> Target:
    return Target(Stream("principal", name), gateway.services.topology.home_region, PRINCIPAL_COMMANDS)
