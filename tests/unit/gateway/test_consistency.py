"""Reads wait for the views, and only as long as they must."""

import asyncio

import pytest

from core.eventlog.envelope import Position
from gateway.consistency import ProjectionGate, parse_token
from gateway.errors import ApiError

TOPIC = "sealane.runs.events"


class Views:
    def __init__(self) -> None:
        self.offsets = {(TOPIC, 0): 5, (TOPIC, 1): 0}
        self.reads = 0
        self.error: Exception | None = None

    async def read(self) -> dict[tuple[str, int], int]:
        self.reads += 1
        if self.error:
            raise self.error
        return dict(self.offsets)


async def test_position_that_is_projected_is_not_waited_for() -> None:
    views = Views()
    await ProjectionGate(views.read).wait_for(Position(TOPIC, 0, 4), 5)
    assert views.reads == 1


async def test_wait_ends_when_the_views_have_passed_the_position() -> None:
    views = Views()
    waiting = asyncio.create_task(ProjectionGate(views.read).wait_for(Position(TOPIC, 0, 5), 5))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    views.offsets[TOPIC, 0] = 6
    await waiting


async def test_lagging_views_are_a_504_with_a_code() -> None:
    with pytest.raises(ApiError) as refused:
        await ProjectionGate(Views().read).wait_for(Position(TOPIC, 1, 0), 0.05)
    assert (refused.value.status, refused.value.code) == (504, "projection-lagging")


async def test_many_waiters_ask_the_database_together() -> None:
    views = Views()
    gate = ProjectionGate(views.read)
    waiting = [asyncio.create_task(gate.wait_for(Position(TOPIC, 0, 5 + number), 5)) for number in range(50)]
    await asyncio.sleep(0.1)
    assert views.reads < 20
    views.offsets[TOPIC, 0] = 100
    await asyncio.gather(*waiting)


async def test_database_that_fails_fails_the_waiters_and_not_those_after_them() -> None:
    views = Views()
    gate = ProjectionGate(views.read)
    views.error = ConnectionError("gone")
    with pytest.raises(ConnectionError):
        await gate.wait_for(Position(TOPIC, 0, 9), 5)
    views.error = None
    await gate.wait_for(Position(TOPIC, 0, 4), 5)


def test_token_is_read_as_it_was_given() -> None:
    assert parse_token(f"{TOPIC}:3:17", frozenset({TOPIC}), 6) == Position(TOPIC, 3, 17)


@pytest.mark.parametrize("text", ["", "x", "a:b:c", f"{TOPIC}:9:1", f"{TOPIC}:0:-1", "other:0:1", f"{TOPIC}:0"])
def test_anything_else_is_no_token(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_token(text, frozenset({TOPIC}), 6)
    assert (refused.value.status, refused.value.code) == (400, "consistency-token-invalid")
