"""Logs: the text of an attempt, live by SSE or WebSocket from any line on, or all jobs of a run at once."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

from gateway.dependencies import Gateway, IdPart, RunPart
from gateway.errors import ApiError
from gateway.realtime.log_lines import Line, Notice, lines_of, raw_of, run_lines
from gateway.realtime.log_viewer import LogViewer, Missing
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import answers, streams
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_attempt, existing_run
from gateway.state import GatewayState
from projections.queries.attempts import AttemptState

router = APIRouter(prefix=API, tags=["logs"])
FromLine = Annotated[int, Query(ge=0, description="First line wanted, counting from 0.")]
ATTEMPT = "/runs/{run}/jobs/{job}/attempts/{attempt}"


@router.get(f"{ATTEMPT}/log", **answers(str, description="The lines as the job wrote them (text/plain)."))
async def get_log(
    run: RunPart,
    job: IdPart,
    attempt: IdPart,
    gateway: Gateway,
    from_line: FromLine = 0,
    limit: Annotated[int, Query(ge=1, le=10_000_000)] = 10_000_000,
    timestamps: bool = False,
) -> StreamingResponse:
    """What there is by now, raw bytes with ANSI colours. `attempt` is a number or `latest`."""
    found = await existing_attempt(gateway, run, job, attempt)
    return StreamingResponse(_raw(gateway, found, from_line, limit, timestamps), media_type="text/plain; charset=utf-8")


async def _raw(
    gateway: GatewayState, attempt: AttemptState, from_line: int, limit: int, timestamps: bool
) -> AsyncIterator[bytes]:
    async for piece in LogViewer(gateway, attempt).available(from_line):
        if isinstance(piece, Missing):
            yield f"[chunks {piece.first_seq} to {piece.last_seq} are missing: {piece.reason}]\n".encode()
            continue
        if piece.first_line >= from_line + limit:
            return
        kept = piece.lines[: max(0, from_line + limit - piece.first_line)]
        yield raw_of(msgspec.structs.replace(piece, lines=kept), from_line, timestamps)


@router.get(f"{ATTEMPT}/log/stream", **streams(Line, "Each line as it is written; ends with the log."))
async def stream_log(
    run: RunPart, job: IdPart, attempt: IdPart, gateway: Gateway, from_line: FromLine = 0
) -> StreamingResponse:
    found = await existing_attempt(gateway, run, job, attempt)
    frames = _frames(_counted(gateway, _lines(gateway, found, from_line)))
    return event_stream(frames, gateway.closing, gateway.services.settings.heartbeat_seconds)


@router.get("/runs/{run}/logs/stream", **streams(Line, "The lines of all jobs; ends with the run."))
async def stream_run_logs(run: RunPart, gateway: Gateway) -> StreamingResponse:
    run_id = await existing_run(gateway, run)
    frames = _frames(_counted(gateway, run_lines(gateway, run_id)))
    return event_stream(frames, gateway.closing, gateway.services.settings.heartbeat_seconds)


@router.websocket(f"{ATTEMPT}/log/ws")
async def log_socket(
    websocket: WebSocket, run: RunPart, job: IdPart, attempt: IdPart, gateway: Gateway, from_line: FromLine = 0
) -> None:
    """The same as JSON text messages; a message the client sends is ignored."""
    await websocket.accept()
    try:
        found = await existing_attempt(gateway, run, job, attempt)
        async for line in _counted(gateway, _lines(gateway, found, from_line)):
            await websocket.send_text(msgspec.json.encode(line).decode())
        await websocket.close(1000, "the log ended")
    except ApiError as error:
        await websocket.close(4404 if error.status == 404 else 4400, error.code)
    except WebSocketDisconnect:
        return


async def _lines(gateway: GatewayState, attempt: AttemptState, from_line: int) -> AsyncIterator[Line | Notice]:
    async for piece in LogViewer(gateway, attempt).follow(from_line):
        for line in lines_of(attempt.job_id, attempt.attempt, piece, from_line):
            yield line


async def _counted(gateway: GatewayState, lines: AsyncIterator[Line | Notice]) -> AsyncIterator[Line | Notice]:
    gateway.metrics.log_viewers.inc()
    try:
        async for line in lines:
            yield line
    finally:
        gateway.metrics.log_viewers.dec()


async def _frames(lines: AsyncIterator[Line | Notice]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield frame("line" if isinstance(line, Line) else "notice", line)
