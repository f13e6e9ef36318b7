"""Server-sent events: quiet streams stay alive, failures are said, nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator

from core.ports import LogUnavailable
from gateway.errors import ApiError
from gateway.realtime.sse import event_stream, frame


async def collected(source: AsyncGenerator[bytes, None], closing: asyncio.Event, heartbeat: float = 5.0) -> list[bytes]:
    response = event_stream(source, closing, heartbeat)
    return [bytes(piece) async for piece in response.body_iterator]  # type: ignore[arg-type]


async def saying(*frames: bytes, then: Exception | None = None) -> AsyncGenerator[bytes, None]:
    for each in frames:
        yield each
    if then is not None:
        raise then


def test_frame_is_one_line_of_json_with_its_id() -> None:
    assert frame("line", {"text": "a\nb"}, "7") == b'id: 7\nevent: line\ndata: {"text":"a\\nb"}\n\n'


async def test_stream_ends_with_its_source() -> None:
    assert await collected(saying(b"a", b"b"), asyncio.Event()) == [b"a", b"b"]


async def test_quiet_stream_is_kept_alive() -> None:
    released = asyncio.Event()

    async def quiet() -> AsyncGenerator[bytes, None]:
        await released.wait()
        yield b"end"

    response = event_stream(quiet(), asyncio.Event(), 0.01)
    pieces = aiter(response.body_iterator)
    assert await anext(pieces) == b": still here\n\n"
    released.set()
    assert [piece async for piece in pieces][-1] == b"end"


async def test_stream_ends_when_the_gateway_closes_and_says_so() -> None:
    closing, cleaned = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    response = event_stream(endless(), closing, 5)
    pieces = aiter(response.body_iterator)
    assert await anext(pieces) == b"first"
    closing.set()
    assert [piece[:15] async for piece in pieces] == [b"event: closing\n"]
    assert cleaned.is_set()


async def test_client_that_leaves_between_two_events_cleans_up_as_well() -> None:
    cleaned = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"more"
        finally:
            cleaned.set()

    pieces = aiter(event_stream(endless(), asyncio.Event(), 5).body_iterator)
    assert await anext(pieces) == b"more"
    await pieces.aclose()  # type: ignore[attr-defined]
    assert cleaned.is_set()


async def test_failure_after_the_first_byte_is_an_event_with_a_code() -> None:
    for error, code in (
        (LogUnavailable("away"), b'"code":"log-unavailable"'),
        (ApiError(404, "run-unknown", "no"), b'"code":"run-unknown"'),
        (RuntimeError("secret"), b'"code":"internal-error"'),
    ):
        pieces = await collected(saying(b"a", then=error), asyncio.Event())
        assert pieces[0] == b"a"
        assert pieces[1].startswith(b"event: error\n")
        assert code in pieces[1]
        assert b"secret" not in pieces[1]
