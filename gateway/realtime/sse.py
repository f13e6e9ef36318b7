"""Server-sent events: frames, and a response that keeps quiet connections alive and ends when the gateway does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi.responses import StreamingResponse

_encoder = msgspec.json.Encoder()
_KEEP_ALIVE = b": still here\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def frame(event: str, data: Any, event_id: str = "") -> bytes:
    """One event; `data` becomes JSON on one line. `event_id` comes back as `Last-Event-ID` after a reconnect."""
    identity = f"id: {event_id}\n" if event_id else ""
    return b"%sevent: %s\ndata: %s\n\n" % (identity.encode(), event.encode(), _encoder.encode(data))


def event_stream(
    frames: AsyncIterator[bytes], closing: asyncio.Event, heartbeat_seconds: float = 15.0
) -> StreamingResponse:
    """A response of `frames`, with a comment now and then while there are none."""
    return StreamingResponse(_alive(frames, closing, heartbeat_seconds), 200, _HEADERS, "text/event-stream")


async def _alive(
    frames: AsyncIterator[bytes], closing: asyncio.Event, heartbeat_seconds: float
) -> AsyncIterator[bytes]:
    stopped = asyncio.ensure_future(closing.wait())
    upcoming: asyncio.Future[bytes] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(anext(frames))
            waited: set[asyncio.Future[Any]] = {upcoming, stopped}
            await asyncio.wait(waited, timeout=heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
            if upcoming.done():
                yield upcoming.result()
                upcoming = None
            elif stopped.done():
                return
            else:
                yield _KEEP_ALIVE
    except StopAsyncIteration:
        return
    finally:
        await _stop(stopped, upcoming)


async def _stop(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancel and wait, so that the generators below have left their `with` blocks."""
    pending = [task for task in tasks if task is not None and not task.done()]
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
