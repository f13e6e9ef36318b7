"""The WebSocket endpoint agents dial: who they are, then messages both ways until one side ends it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from core.ports import DecisionTimeout, LogUnavailable
from core.protocol import messages as m
from core.protocol.decoding import NotUnderstood
from gateway.auth import Principal, bearer_token
from gateway.errors import ApiError
from gateway.realtime.agent_hub import AgentHub, HelloRejected
from gateway.realtime.agent_reports import MalformedReport, check_attempt
from gateway.realtime.agent_session import AgentSession

log = logging.getLogger("sealane.agent-hub")
HELLO_SECONDS = 10.0
GOODBYE_SECONDS = 2.0
MOST_HELD = 2000
PATH = "/agent/v1/connect"
Authenticate = Callable[[str | None], Awaitable[Principal]]


class _Refusal(Exception):
    """Ends the connection with a word to the agent."""

    def __init__(self, close: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.close, self.code, self.detail = close, code, detail


def agent_router(hub: AgentHub, authenticate: Authenticate, regions: tuple[str, ...]) -> APIRouter:
    """The router with the one endpoint."""
    router = APIRouter()

    @router.websocket(PATH)
    async def connect(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await _serve(websocket, hub, authenticate, regions)
        except _Refusal as refusal:
            log.warning("an agent is refused: %s (%s)", refusal.detail, refusal.code)
            await _refuse(websocket, refusal)
        except WebSocketDisconnect:
            return

    return router


async def _serve(websocket: WebSocket, hub: AgentHub, authenticate: Authenticate, regions: tuple[str, ...]) -> None:
    try:
        principal = await authenticate(bearer_token(websocket.headers.get("authorization")))
    except ApiError as error:
        raise _Refusal(m.CLOSE_UNAUTHENTICATED, error.code, error.detail) from error
    hello = await _hello(websocket, principal, regions)
    try:
        session, welcome = await hub.open(hello, f"{principal.name}/{hello.agent_id}")
    except HelloRejected as error:
        raise _Refusal(m.CLOSE_HELLO_REJECTED, error.code, str(error)) from error
    except (LogUnavailable, DecisionTimeout) as error:
        raise _Refusal(m.CLOSE_UNAVAILABLE, "log-unavailable", str(error)) from error
    try:
        await websocket.send_bytes(m.encode(welcome))
        await _until_one_ends(_receive(websocket, hub, session), _send(websocket, session), session.closing())
    finally:
        await hub.closed(session)
    if session.close_code:
        log.info("closing the connection of agent %s: %s", session.agent_id, session.close_reason)
        await _say_goodbye(websocket, session)


async def _hello(websocket: WebSocket, principal: Principal, regions: tuple[str, ...]) -> m.Hello:
    try:
        frame = await asyncio.wait_for(_frame(websocket), HELLO_SECONDS)
        version = m.decode_hello_version(frame)
        if version.protocol not in m.SUPPORTED_VERSIONS:
            spoken = ", ".join(map(str, m.SUPPORTED_VERSIONS))
            detail = f"this gateway speaks protocol {spoken}, the agent {version.protocol}: update the older of them"
            raise _Refusal(m.CLOSE_UNSUPPORTED, "protocol-unsupported", detail)
        hello = m.decode_agent_message(frame)
    except TimeoutError as error:
        raise _Refusal(m.CLOSE_MALFORMED, "hello-missing", f"no hello came within {HELLO_SECONDS:.0f} s") from error
    except NotUnderstood as error:
        raise _Refusal(m.CLOSE_MALFORMED, "hello-malformed", f"no hello was understood: {error}") from error
    if not isinstance(hello, m.Hello) or not hello.agent_id or not 1 <= hello.slots <= 256:
        raise _Refusal(m.CLOSE_MALFORMED, "hello-malformed", "the first message must be a hello with an id and slots")
    _check_held(hello, regions)
    pool = f"{hello.region}/{hello.pool}"
    if hello.region not in regions:
        detail = f"there is no region '{hello.region}' (configured: {', '.join(regions)})"
        raise _Refusal(m.CLOSE_POOL_FORBIDDEN, "region-unknown", detail)
    if pool not in principal.pools and "*" not in principal.pools:
        allowed = ", ".join(principal.pools) or "none"
        detail = f"the token of {principal.name} serves {allowed}, not {pool}"
        raise _Refusal(m.CLOSE_POOL_FORBIDDEN, "pool-forbidden", detail)
    return hello


def _check_held(hello: m.Hello, regions: tuple[str, ...]) -> None:
    if len(hello.held) > MOST_HELD:
        raise _Refusal(m.CLOSE_MALFORMED, "hello-malformed", f"{len(hello.held)} leases held; {MOST_HELD} at most")
    try:
        for held in hello.held:
            check_attempt(regions, held.attempt_key)
    except MalformedReport as error:
        raise _Refusal(m.CLOSE_MALFORMED, "hello-malformed", str(error)) from error


async def _receive(websocket: WebSocket, hub: AgentHub, session: AgentSession) -> None:
    while True:
        try:
            await hub.take(session, m.decode_agent_message(await _frame(websocket)))
        except (NotUnderstood, MalformedReport) as error:
            raise _Refusal(m.CLOSE_MALFORMED, "message-malformed", str(error)) from error


async def _frame(websocket: WebSocket) -> bytes:
    """Raises NotUnderstood for a frame that is text, or too large."""
    try:
        frame = await websocket.receive_bytes()
    except KeyError as error:
        raise NotUnderstood("text came where a binary frame belongs") from error
    if len(frame) > m.MAX_FRAME_BYTES:
        raise NotUnderstood(f"a frame of {len(frame)} bytes; at most {m.MAX_FRAME_BYTES} are taken")
    return frame


async def _send(websocket: WebSocket, session: AgentSession) -> None:
    while True:
        await websocket.send_bytes(m.encode(await session.next_message()))


async def _until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _say_goodbye(websocket: WebSocket, session: AgentSession) -> None:
    """What is still to be said (that a lease is gone, for one), then the reason, to an agent that may hear nothing."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            for message in session.last_messages():
                await websocket.send_bytes(m.encode(message))
            await websocket.close(session.close_code, session.close_reason[:120])
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return


async def _refuse(websocket: WebSocket, refusal: _Refusal) -> None:
    try:
        await websocket.send_bytes(m.encode(m.Refused(code=refusal.code, detail=refusal.detail)))
        await websocket.close(refusal.close, refusal.detail[:120])
    except (RuntimeError, WebSocketDisconnect):
        return
