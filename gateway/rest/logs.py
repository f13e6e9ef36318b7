"""Logs: the text of an attempt, live by SSE or WebSocket from any line on, or all jobs of a run at once."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from core.protocol.logs import StreamName
from gateway.dependencies import Gateway, IdPart, RunPart
from gateway.realtime.log_lines import Line, Notice, RawText, lines_of
from gateway.realtime.log_viewer import LogViewer, Piece
from gateway.realtime.run_logs import run_lines
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import described, problems, streams
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_attempt, existing_run
from gateway.state import GatewayState
from projections.queries.attempts import AttemptState

router = APIRouter(prefix=API, tags=["logs"])
ATTEMPT = "/runs/{run}/jobs/{job}/attempts/{attempt}"
MAX_LINES = 1_000_000_000
FromLine = Annotated[int, Query(ge=0, le=MAX_LINES, description="First line wanted, counting from 0.")]
OnlyStream = Annotated[StreamName | None, Query(description="Only what went to this stream.")]
_NDJSON = "application/x-ndjson"
_TEXT = "text/plain; charset=utf-8"
_encode = msgspec.json.Encoder().encode
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The lines as the job wrote them, ANSI and all; or one JSON object per line.",
        "content": {"text/plain": {"schema": {"type": "string"}}, _NDJSON: {"schema": described(Line)}},
    },
    "default": problems(),
}


@router.get(f"{ATTEMPT}/log", response_class=StreamingResponse, responses=_ANSWERS)
async def get_log(
    run: RunPart,
    job: IdPart,
    attempt: IdPart,
    gateway: Gateway,
    from_line: FromLine = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES, description="How many lines at most.")] = MAX_LINES,
    stream: OnlyStream = None,
    timestamps: bool = False,
    format: Literal["text", "ndjson"] = "text",
) -> StreamingResponse:
    """What there is by now. `attempt` is a number or `latest`."""
    found = await existing_attempt(gateway, run, job, attempt)
    pieces = _up_to(LogViewer(gateway.logs, found).available(from_line), from_line + limit)
    if format == "ndjson":
        return StreamingResponse(_ndjson(pieces, found, from_line, from_line + limit, stream), media_type=_NDJSON)
    raw = RawText(stream, timestamps)
    return StreamingResponse(_raw(pieces, raw, from_line, from_line + limit), media_type=_TEXT)


@router.get(f"{ATTEMPT}/log/stream", **streams(Line, "Each line as it is written; ends with the log."))
async def stream_log(
    run: RunPart,
    job: IdPart,
    attempt: IdPart,
    gateway: Gateway,
    from_line: FromLine = 0,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """Events `line` and `notice`. Their id is the line, so a reconnecting browser goes on where it was."""
    found = await existing_attempt(gateway, run, job, attempt)
    seen = last_event_id or ""
    first = int(seen) + 1 if seen.isdecimal() else from_line
    settings = gateway.services.settings
    return event_stream(_frames(gateway, found, first), gateway.closing, settings.heartbeat_seconds)


@router.get("/runs/{run}/logs/stream", **streams(Line, "The lines of all jobs; ends with the run."))
async def stream_run_logs(run: RunPart, gateway: Gateway) -> StreamingResponse:
    """Events `line` and `notice`; what ended before comes first, what runs comes side by side."""
    run_id = await existing_run(gateway, run)
    return event_stream(_run_frames(gateway, run_id), gateway.closing, gateway.services.settings.heartbeat_seconds)


async def _up_to(pieces: AsyncGenerator[Piece, None], to_line: int) -> AsyncGenerator[Piece, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            if getattr(piece, "first_line", 0) >= to_line:
                return
            yield piece


async def _raw(
    pieces: AsyncGenerator[Piece, None], raw: RawText, from_line: int, to_line: int
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield raw.write(piece, from_line, to_line)


async def _ndjson(
    pieces: AsyncGenerator[Piece, None], attempt: AttemptState, from_line: int, to_line: int, stream: str | None
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            lines = lines_of(attempt.job_id, attempt.attempt, piece, from_line)
            kept = [
                line
                for line in lines
                if isinstance(line, Notice) or (line.line < to_line and stream in (None, line.stream))
            ]
            yield b"".join(_encode(line) + b"\n" for line in kept)


async def _frames(gateway: GatewayState, attempt: AttemptState, from_line: int) -> AsyncGenerator[bytes, None]:
    with gateway.metrics.log_viewers.track_inprogress():
        async with aclosing(LogViewer(gateway.logs, attempt).follow(from_line)) as pieces:
            async for piece in pieces:
                yield b"".join(map(_frame, lines_of(attempt.job_id, attempt.attempt, piece, from_line)))


async def _run_frames(gateway: GatewayState, run_id: str) -> AsyncGenerator[bytes, None]:
    with gateway.metrics.log_viewers.track_inprogress():
        async with aclosing(run_lines(gateway, run_id)) as batches:
            async for batch in batches:
                yield b"".join(frame("line" if isinstance(line, Line) else "notice", line) for line in batch)


def _frame(line: Line | Notice) -> bytes:
    """Lines come by the ten thousand: theirs is written out here, in half the time of frame()."""
    if isinstance(line, Line):
        return b"id: %d\nevent: line\ndata: %s\n\n" % (line.line, _encode(line))
    return frame("notice", line)
