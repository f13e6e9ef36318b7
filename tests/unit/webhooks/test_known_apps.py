"""Which apps a repository has is remembered for a moment, and never beyond a change of an app."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from core.catalog.events import AppCreated, TriggerAccepted
from core.eventlog.envelope import EventEnvelope
from gateway.webhooks.known_apps import KEEP_SECONDS, QUIET_SECONDS, KnownApps
from tests.support.household import START

URLS = ("https://forge.example/shop.git",)


class World:
    """The views, how often they were asked, and a clock."""

    def __init__(self) -> None:
        self.apps: tuple[str, ...] = ("shop",)
        self.asked = 0
        self.now = 100.0
        self.known = KnownApps(self._lookup, lambda: self.now)

    async def _lookup(self, urls: tuple[str, ...]) -> Sequence[str]:
        self.asked += 1
        return self.apps

    def happens(self, event_type: str) -> None:
        self.known.see(
            EventEnvelope(
                event_id="e",
                type=event_type,
                schema_version=1,
                stream="app/shop",
                stream_version=1,
                recorded_at=START,
                region="us-east",
                actor="ada",
                correlation_id="",
                causation_id="",
                chain="",
                data=msgspec.Raw(b"{}"),
            )
        )


async def test_busy_repository_is_looked_up_once_in_a_while() -> None:
    world = World()
    assert [await world.known.by_repository(URLS) for _ in range(3)] == [("shop",)] * 3
    assert world.asked == 1
    world.now += KEEP_SECONDS
    await world.known.by_repository(URLS)
    assert world.asked == 2


async def test_unknown_repository_is_looked_up_every_time() -> None:
    world = World()
    world.apps = ()
    assert await world.known.by_repository(URLS) == ()
    world.apps = ("shop",)
    assert await world.known.by_repository(URLS) == ("shop",)


async def test_change_of_an_app_is_seen_at_once_and_nothing_remembered_while_views_catch_up() -> None:
    world = World()
    await world.known.by_repository(URLS)
    world.happens(AppCreated.TYPE)
    assert await world.known.by_repository(URLS) == ("shop",)
    world.apps = ("shop", "shop-eu")
    assert await world.known.by_repository(URLS) == ("shop", "shop-eu")
    world.now += QUIET_SECONDS
    await world.known.by_repository(URLS)
    asked = world.asked
    await world.known.by_repository(URLS)
    assert world.asked == asked


async def test_answer_that_was_under_way_during_a_change_is_not_remembered() -> None:
    world = World()

    async def slow(urls: tuple[str, ...]) -> Sequence[str]:
        world.asked += 1
        found = world.apps
        world.happens(AppCreated.TYPE)
        world.apps = ("shop", "shop-eu")
        return found

    world.known = KnownApps(slow, lambda: world.now)
    assert await world.known.by_repository(URLS) == ("shop",)
    assert await world.known.by_repository(URLS) == ("shop", "shop-eu")


async def test_pushes_to_an_app_leave_the_memory_alone() -> None:
    world = World()
    await world.known.by_repository(URLS)
    world.happens(TriggerAccepted.TYPE)
    await world.known.by_repository(URLS)
    assert world.asked == 1


class SlowWorld(World):
    """Answers with what there is at the time of the question, when `answer` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def _lookup(self, urls: tuple[str, ...]) -> Sequence[str]:
        self.asked += 1
        found = self.apps
        await self.answer.wait()
        return found

    async def ask(self) -> asyncio.Task[tuple[str, ...]]:
        """A question that is under way."""
        task = asyncio.ensure_future(self.known.by_repository(URLS))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task


async def test_deliveries_that_come_at_once_share_a_lookup() -> None:
    world = SlowWorld()
    tasks = [await world.ask() for _ in range(5)]
    world.answer.set()

    assert await asyncio.gather(*tasks) == [("shop",)] * 5
    assert world.asked == 1


async def test_lookup_goes_on_for_the_others_when_the_first_client_leaves() -> None:
    world = SlowWorld()
    first, second = await world.ask(), await world.ask()
    first.cancel()
    await asyncio.sleep(0)
    world.answer.set()

    assert await second == ("shop",)
    assert world.asked == 1


async def test_that_nobody_is_built_from_a_repository_is_not_shared() -> None:
    world = SlowWorld()
    world.apps = ()
    first = await world.ask()
    world.apps = ("shop",)
    second = await world.ask()
    world.answer.set()

    assert (await first, await second) == ((), ("shop",))


async def test_lookup_from_before_a_change_is_not_shared() -> None:
    world = SlowWorld()
    first = await world.ask()
    world.happens(AppCreated.TYPE)
    world.apps = ("shop", "shop-eu")
    second = await world.ask()
    world.answer.set()

    assert (await first, await second) == (("shop",), ("shop", "shop-eu"))


async def test_lookup_that_fails_is_asked_again() -> None:
    world = World()

    async def failing(urls: tuple[str, ...]) -> Sequence[str]:
        world.asked += 1
        raise ConnectionError("the views are away")

    world.known = KnownApps(failing, lambda: world.now)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await world.known.by_repository(URLS)
    assert world.asked == 2
