"""Which apps a repository has is remembered for a moment, and never beyond a change of an app."""

from collections.abc import Sequence

import msgspec

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
