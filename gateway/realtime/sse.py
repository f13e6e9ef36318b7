"""Server-sent events: frames, and a response that keeps quiet connections alive and ends when the gateway does.

What fails after the first byte can't change the status any more: it comes as the event `error`, a problem. A stream
that ends because the gateway stops says `closing`: the client should come again, with the last id it saw.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

import msgspec
from fastapi.responses import StreamingResponse

from core.ports import LogUnavailable
from gateway.errors import ApiError, internal_error, log_unavailable, problem_document
from gateway.structured_logs import request_ids

_encoder = msgspec.json.Encoder()
_KEEP_ALIVE = b": still here\n\n"
_CLOSING = {"detail": "the gateway stops; connect again"}
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_log = logging.getLogger(__name__)


def frame(event: str, data: Any, event_id: str = "") -> bytes:
    """One event; `data` becomes JSON on one line. `event_id` comes back as `Last-Event-ID` after a reconnect."""
    identity = f"id: {event_id}\n" if event_id else ""
    return b"%sevent: %s\ndata: %s\n\n" % (identity.encode(), event.encode(), _encoder.encode(data))


def frames(event: str, items: Iterable[Any]) -> bytes:
    """Several events in one piece."""
    return b"".join(frame(event, item) for item in items)


def event_stream(
    source: AsyncGenerator[bytes, None], closing: asyncio.Event, heartbeat_seconds: float = 15.0
) -> StreamingResponse:
    """A response of the frames of `source`, with a comment now and then while there are none."""
    return StreamingResponse(_alive(source, closing, heartbeat_seconds), 200, _HEADERS, "text/event-stream")


async def _alive(
    source: AsyncGenerator[bytes, None], closing: asyncio.Event, heartbeat_seconds: float
) -> AsyncIterator[bytes]:
    stopped = asyncio.ensure_future(closing.wait())
    upcoming: asyncio.Future[bytes] | None = None
    try:
        while not closing.is_set():
            upcoming = upcoming or asyncio.ensure_future(anext(source))
            waited: set[asyncio.Future[Any]] = {upcoming, stopped}
            await asyncio.wait(waited, timeout=heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
            if upcoming.done():
                yield upcoming.result()
                upcoming = None
            elif not stopped.done():
                yield _KEEP_ALIVE
        yield frame("closing", _CLOSING)
    except StopAsyncIteration:
        return
    except Exception as error:
        yield frame("error", _problem(error))
    finally:
        await _stop(stopped, upcoming)
        await source.aclose()


def _problem(error: Exception) -> dict[str, Any]:
    if isinstance(error, LogUnavailable):
        error = log_unavailable(error)
    elif not isinstance(error, ApiError):
        _log.exception("a stream failed", exc_info=error)
        error = internal_error()
    ids = request_ids.get()
    return problem_document(error, ids.request_id if ids else "")


async def _stop(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancel and wait, so that the generators below have left their `with` blocks."""
    pending = [task for task in tasks if task is not None and not task.done()]
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
