"""A place under watch: read in the background, as long as a deployment is concerned with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from agents.metrics import scraping
from agents.metrics.scraping import Watched
from tests.support.eventually import eventually
from tests.support.metrics import PLACE, KnownInstances


@pytest.fixture
def instances() -> Iterator[KnownInstances]:
    made = KnownInstances()
    yield made
    made.close()


@pytest.fixture
async def watched(instances: KnownInstances) -> AsyncIterator[Watched]:
    async with httpx.AsyncClient(trust_env=False) as client:
        made = Watched(PLACE, instances, client)
        yield made
        await made.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "SHORTEST_PAUSE_SECONDS", 0.01)


async def test_instances_are_read_again_and_again(instances: KnownInstances, watched: Watched) -> None:
    exposed = instances.run("v2")
    watched.go_on(0.1)
    await eventually(lambda: exposed.times_read >= 5)


async def test_instance_that_comes_later_is_read_too_and_one_that_goes_no_more(
    instances: KnownInstances, watched: Watched
) -> None:
    first = instances.run("v1")
    watched.go_on(0.1)
    await eventually(lambda: first.times_read >= 2)
    second = instances.run("v2")
    del instances.listed[0]
    await eventually(lambda: second.times_read >= 2)
    before = first.times_read
    await eventually(lambda: second.times_read >= 5)
    assert first.times_read == before


async def test_reading_ends_some_time_after_the_deployment(
    instances: KnownInstances, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scraping, "LINGER_SECONDS", 0.0)
    exposed = instances.run("v2")
    watched.go_on(0.1)
    await eventually(lambda: exposed.times_read >= 1)
    watched.linger()
    await eventually(lambda: watched.is_over and watched.idle)


async def test_reading_goes_on_when_it_is_asked_for_again(
    instances: KnownInstances, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scraping, "LINGER_SECONDS", 0.0)
    exposed = instances.run("v2")
    watched.go_on(0.1)
    watched.linger()
    await eventually(lambda: watched.idle)
    before = exposed.times_read
    watched.go_on(0.1)
    await eventually(lambda: exposed.times_read >= before + 3)


async def test_target_that_can_not_be_read_for_a_while_is_read_again(
    instances: KnownInstances, watched: Watched
) -> None:
    exposed = instances.run("v2")
    instances.broken = "not now"
    watched.go_on(0.1)
    await eventually(lambda: watched.scraped.unlisted == "not now")
    instances.broken = ""
    await eventually(lambda: exposed.times_read >= 2)
    assert watched.scraped.unlisted == ""


async def test_failures_of_an_instance_that_is_gone_still_count(instances: KnownInstances, watched: Watched) -> None:
    crashed, other = instances.run("v2"), instances.run("v2")
    watched.go_on(10)
    await eventually(lambda: crashed.times_read >= 2)
    crashed.serve(failed=10)
    other.serve(ok=10)
    before = crashed.times_read
    await eventually(lambda: crashed.times_read >= before + 2)
    del instances.listed[0]
    await watched.scrape()
    since = asyncio.get_running_loop().time() - 10
    assert watched.scraped.answer("v2", "error-rate", since).value == 0.5
