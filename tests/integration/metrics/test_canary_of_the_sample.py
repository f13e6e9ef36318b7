"""A canary of the sample application on a real target: what the sampler measures is what the users got."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.metrics.base import Place
from agents.metrics.of_targets import TargetInstances
from agents.metrics.prometheus import Prometheus
from agents.metrics.sampling import Sample, Sampling, Sources
from agents.metrics.scraper import Scraper
from agents.targets.base import OwnTarget
from agents.targets.probes import run_probes
from agents.targets.registry import Makers, Targets
from core.deployments.events import SampleRequested
from core.environments.release import Artifact, Release
from core.environments.settings import Check, Probe, ProcessTarget
from infra.local.load import Load, LoadGenerator
from infra.local.load_tally import Tally
from tests.support.hello import copy_example
from tests.support.servers import scratch_directory
from tests.support.target_world import HEALTH, ProcessWorld, instance_set, never

SETTINGS = ProcessTarget(command="exec python hello.py", health=HEALTH, drain_seconds=2, stop_seconds=3)
PLACE = Place("shop", "production", "us-east")
CHECKS = tuple(Check(metric, metric=metric) for metric in ("error-rate", "latency-p99", "memory", "requests"))
# A page that the service does not count among the requests of users.
SAYS_VERSION = Probe("version", "/version", when=("during",), expect_text="v2")


class Stage:
    """Releases of the sample application on the target of shop/production in us-east, and a sampler beside it."""

    def __init__(self, world: ProcessWorld, scraper: Scraper, instances: TargetInstances) -> None:
        self._world = world
        self._scraper = scraper
        self._sampling = Sampling(instances, Sources(scraper, Prometheus), run_probes)
        self.instances = instances

    @property
    def target(self) -> OwnTarget:
        return self._world.target("us-east/shop/production")

    def release(self, name: str, **fault: Any) -> Release:
        copy_example(self._world.tree.path, fault)
        commit = self._world.tree.commit(name)
        artifact = Artifact("tree", f"git:{commit}", f"file://{self._world.tree.path}")
        return Release(id=name, app="shop", artifact=artifact, commit=commit)

    def deploy(self, *weights: tuple[Release, int]) -> str:
        """Each release with its share of the traffic; answers with the proxy's address."""
        self._scraper.watch(PLACE)
        self._sampling.note(PLACE)
        sets = [instance_set(release, weight=weight) for release, weight in weights]
        return self.target.converge(self._world.order(*sets, settings=SETTINGS), never).address

    def sample(self, canary: str, checks: tuple[Check, ...] = CHECKS, probes: tuple[Probe, ...] = ()) -> Sample:
        asked = SampleRequested(
            **PLACE._asdict(),
            epoch=1,
            number=1,
            canary=canary,
            checks=checks,
            probes=probes,
            window_seconds=120,
            timeout_seconds=10,
            target=SETTINGS,
            answer_by=datetime.now(UTC),
        )
        return self._sampling.sample(asked)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with scratch_directory() as root:
        world = ProcessWorld(root)
        targets = Targets(root, "us-east", Makers(service=world.at, static=world.at))
        instances = TargetInstances(targets)
        with closing(Scraper(instances)) as scraper, closing(world):
            yield Stage(world, scraper, instances)


def send(address: str, count: int) -> Tally:
    """So many requests of users, at least."""
    with LoadGenerator() as load:
        tally = load.start("users", Load(address, 200))
        await_that(lambda: tally.sent >= count)
        return load.stop("users")


def await_that(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "did not happen"
        time.sleep(0.05)


def test_sample_says_what_the_users_of_the_canary_got(stage: Stage) -> None:
    good, broken = stage.release("v1"), stage.release("v2", fail_percent=5)
    stage.deploy((good, 100))
    address = stage.deploy((good, 75), (broken, 25))

    users = send(address, 400)
    found = stage.sample("v2", probes=(SAYS_VERSION,))

    served = users.by_version["v2"]
    errors, latency, memory, requests = found.measurements
    assert users.platform_failures == 0
    assert served == pytest.approx(users.sent / 4, abs=2)
    assert users.app_failures == served // 20
    assert errors.value == pytest.approx(users.app_failures / served)
    assert requests.value == pytest.approx(served)
    assert (errors.requests, found.total_requests) == (served, served)
    assert latency.value is not None
    assert memory.value is not None
    assert memory.value > 5_000_000
    assert [(each.name, each.ok) for each in found.probes] == [("version", True)]


def test_slow_canary_shows_beside_the_release_that_is_not(stage: Stage) -> None:
    good, slow = stage.release("v1"), stage.release("v2", slow_percent=10, slow_seconds=0.7)
    stage.deploy((good, 100))

    assert send(stage.deploy((good, 50), (slow, 50)), 100).platform_failures == 0

    latency = (Check("p99", metric="latency-p99"),)
    (canary,), (stable,) = stage.sample("v2", latency).measurements, stage.sample("v1", latency).measurements
    assert canary.value is not None
    assert stable.value is not None
    assert canary.value > 0.5


def test_leak_shows_in_the_memory_of_the_canary(stage: Stage) -> None:
    leaking = stage.release("v2", leak_bytes_per_second=40_000_000)
    stage.deploy((leaking, 100))

    def memory() -> float:
        (found,) = stage.sample("v2", (Check("memory", metric="memory"),)).measurements
        return found.value or 0.0

    before = memory()
    await_that(lambda: memory() > before + 20_000_000)


def test_place_where_nothing_was_deployed_has_no_instances(stage: Stage) -> None:
    assert list(stage.instances.of(PLACE)) == []
    assert list(stage.instances.everywhere()) == []
    assert stage.instances.status(PLACE).sets == ()
    found = stage.sample("v1")
    assert {each.outcome for each in found.measurements} == {"empty"}


def test_instances_are_those_that_run_wherever_they_are_asked_for(stage: Stage) -> None:
    stage.deploy((stage.release("v1"), 100))
    (found,) = stage.instances.of(PLACE)
    assert found._replace(url="") == (PLACE, "v1", "v1", "", True, "/metrics")
    assert list(stage.instances.everywhere()) == [found]
    stage.target.stop()
    assert list(stage.instances.of(PLACE)) == []
