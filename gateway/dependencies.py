"""What routes ask for in their signatures: the gateway, the caller, a write, checked path parts."""

from typing import Annotated

from fastapi import Depends, Path, Request
from starlette.requests import HTTPConnection

from core.eventlog.topics import EVENTS_TOPICS
from gateway.auth import Principal
from gateway.consistency import parse_token
from gateway.headers import CONSISTENCY_HEADER
from gateway.idempotency import KEY_HEADER, request_key, single_id
from gateway.state import GatewayState
from gateway.writes import Write

_CONSISTENT_TOPICS = frozenset(EVENTS_TOPICS)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

NamePart = Annotated[str, Path(pattern=_NAME, max_length=100)]
IdPart = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=200)]
RolloutPart = Annotated[str, Path(pattern=r"^[a-z0-9][A-Za-z0-9._-]*(@[0-9]{1,9})?$", max_length=140)]
RunPart = Annotated[str, Path(pattern=r"^[a-z0-9][A-Za-z0-9._-]*(#[0-9]{1,9})?$", max_length=140)]


def gateway_of(connection: HTTPConnection) -> GatewayState:
    state: GatewayState = connection.app.state.gateway
    return state


def caller_of(connection: HTTPConnection) -> Principal:
    """Set by the authorisation that runs before every API route."""
    principal: Principal = connection.state.principal
    return principal


async def await_consistency(connection: HTTPConnection) -> None:
    """Let the views catch up with the position a client presents, whatever it asks."""
    token = connection.headers.get(CONSISTENCY_HEADER)
    if not token:
        return
    gateway = gateway_of(connection)
    services = gateway.services
    position = parse_token(token, _CONSISTENT_TOPICS, services.topology.partitions)
    await gateway.gate.wait_for(position, services.settings.read_timeout_seconds)


async def write_of(request: Request, gateway: "Gateway", caller: "Caller") -> Write:
    """The write this request asks for; repeatable under its Idempotency-Key."""
    text = request.headers.get(KEY_HEADER)
    if text is None:
        key, command_id = None, single_id(gateway.services.random_text(32))
    else:
        route = f"{request.method} {request.url.path}?{request.url.query}"
        key = request_key(caller.name, text, route, await request.body())
        command_id = key.command_id
    return Write(gateway, caller.name, request.state.correlation_id, command_id, key)


Gateway = Annotated[GatewayState, Depends(gateway_of)]
Caller = Annotated[Principal, Depends(caller_of)]
Writing = Annotated[Write, Depends(write_of)]
