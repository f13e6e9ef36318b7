"""The live log over a WebSocket: JSON text messages, as the events of the SSE stream."""

import asyncio
from contextlib import aclosing

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from core.ports import LogUnavailable
from gateway.dependencies import Gateway, IdPart, RunPart
from gateway.realtime.log_lines import lines_of
from gateway.realtime.log_viewer import LogViewer
from gateway.rest.logs import ATTEMPT, FromLine
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_attempt
from gateway.state import GatewayState
from projections.queries.attempts import AttemptState

router = APIRouter(prefix=API, tags=["logs"])
ENDED = 1000
TRY_AGAIN = 1013
_encode = msgspec.json.Encoder().encode


@router.websocket(f"{ATTEMPT}/log/ws")
async def log_socket(
    websocket: WebSocket, run: RunPart, job: IdPart, attempt: IdPart, gateway: Gateway, from_line: FromLine = 0
) -> None:
    """Each line as it is written; what the client sends is ignored.

    Closes with 1000 when the log ended, 1012 when the gateway stops, 1013 when the log can't be read: connect again.
    """
    found = await existing_attempt(gateway, run, job, attempt)
    await websocket.accept()
    sending = asyncio.ensure_future(_send(websocket, gateway, found, from_line))
    left = asyncio.ensure_future(_left(websocket))
    try:
        await asyncio.wait({sending, left}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not left.done():
            await websocket.close(*_farewell(sending))
    finally:
        for task in (sending, left):
            task.cancel()
        await asyncio.gather(sending, left, return_exceptions=True)


async def _send(websocket: WebSocket, gateway: GatewayState, attempt: AttemptState, from_line: int) -> None:
    with gateway.metrics.log_viewers.track_inprogress():
        async with aclosing(LogViewer(gateway.logs, attempt).follow(from_line)) as pieces:
            async for piece in pieces:
                for line in lines_of(attempt.job_id, attempt.attempt, piece, from_line):
                    await websocket.send_text(_encode(line).decode())


async def _left(websocket: WebSocket) -> None:
    """Returns when the client has gone."""
    try:
        while True:
            await websocket.receive()
    except (WebSocketDisconnect, RuntimeError):
        return


def _farewell(sending: "asyncio.Future[None]") -> tuple[int, str]:
    error = sending.exception()
    if error is None:
        return ENDED, "the log ended"
    if isinstance(error, LogUnavailable):
        return TRY_AGAIN, "log-unavailable"
    raise error
