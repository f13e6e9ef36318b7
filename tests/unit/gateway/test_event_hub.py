"""One subscription serves all watchers; none of them can fill the memory."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest

from core.eventlog.envelope import EventEnvelope, Position
from gateway.realtime import event_hub
from gateway.realtime.event_hub import LISTENER_EVENTS, EventHub
from tests.support.eventually import eventually


class Tail:
    """EventTail fed by the test."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[Position, EventEnvelope] | Exception] = asyncio.Queue()
        self.subscriptions = 0

    def subscribe(self, topics: frozenset[str]) -> AsyncIterator[tuple[Position, EventEnvelope]]:
        self.subscriptions += 1
        return self._events()

    async def _events(self) -> AsyncIterator[tuple[Position, EventEnvelope]]:
        while True:
            item = await self.queue.get()
            if isinstance(item, Exception):
                raise item
            yield item

    def tell(self, stream: str, offset: int) -> None:
        event = EventEnvelope(
            event_id=str(offset),
            type="run.started",
            schema_version=1,
            stream=stream,
            stream_version=offset,
            recorded_at=datetime.now(UTC),
            region="us-east",
            actor="a",
            correlation_id="c",
            causation_id="c",
            chain="",
            data=msgspec.Raw(b"{}"),
        )
        self.queue.put_nowait((Position("sealane.runs.events", 0, offset), event))


class House:
    def __init__(self) -> None:
        self.tail = Tail()
        self.observed: list[str] = []
        self.hub = EventHub(self.tail, (lambda event: self.observed.append(event.stream),))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    running = asyncio.create_task(made.hub.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_watch_is_told_the_newest_position_of_its_stream_only(house: House) -> None:
    with house.hub.watch("run/a") as watch, house.hub.watch("run/b") as other:
        for offset in (1, 2, 3):
            house.tail.tell("run/a", offset)
        await eventually(lambda: len(house.observed) == 3)
        assert await watch.wait(5)
        assert watch.newest() == (Position("sealane.runs.events", 0, 3),)
        assert watch.newest() == ()
        assert not await watch.wait(0.01)
        assert not await other.wait(0.01)


async def test_watch_follows_further_streams(house: House) -> None:
    with house.hub.watch("run/a") as watch:
        assert watch.follow(("run/a", "run/b"))
        assert not watch.follow(("run/b",))
        house.tail.tell("run/b", 1)
        await eventually(lambda: len(house.observed) == 1)
        assert watch.newest() == (Position("sealane.runs.events", 0, 1),)
    house.tail.tell("run/b", 2)
    await eventually(lambda: len(house.observed) == 2)
    assert watch.newest() == ()


async def test_listener_gets_everything_in_order(house: House) -> None:
    with house.hub.listen() as listener:
        for offset in range(5):
            house.tail.tell(f"run/{offset}", offset)
        heard = [await listener.next(5) for _ in range(5)]
    assert [each[0].offset for each in heard if each] == [0, 1, 2, 3, 4]


async def test_listener_that_does_not_read_is_marked_and_bounded(house: House) -> None:
    with house.hub.listen() as listener:
        for offset in range(LISTENER_EVENTS + 10):
            house.tail.tell("run/a", offset)
        await eventually(lambda: len(house.observed) == LISTENER_EVENTS + 10)
        assert listener.overrun
        first = await listener.next(5)
    assert first is not None
    assert first[0].offset == 0


async def test_interrupted_tail_is_taken_up_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "_RETRY_SECONDS", 0.01)
    with house.hub.watch("run/a") as watch:
        house.tail.queue.put_nowait(ConnectionError("gone"))
        house.tail.tell("run/a", 7)
        assert await watch.wait(5)
    assert house.tail.subscriptions == 2


async def test_newest_offsets_are_known_for_the_lag(house: House) -> None:
    house.tail.tell("run/a", 41)
    await eventually(lambda: bool(house.observed))
    assert house.hub.newest == {("sealane.runs.events", 0): 41}


async def test_nothing_is_kept_of_those_who_left(house: House) -> None:
    with house.hub.watch("run/a"), house.hub.listen():
        pass
    house.tail.tell("run/a", 1)
    await eventually(lambda: bool(house.observed))
    assert not house.hub._watches
    assert not house.hub._listeners
