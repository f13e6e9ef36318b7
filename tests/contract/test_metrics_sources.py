"""What every source of metrics must answer of the same instances: a real Prometheus that scrapes them, our scraper."""

import time
from collections.abc import Callable, Iterator

import pytest

from agents.metrics.base import Counted, MeasureRequest, MetricsSource
from agents.metrics.file_sd import FileSd
from agents.metrics.prometheus import Prometheus
from agents.metrics.scraper import Scraper
from core.deployments.commands import Measurement
from core.environments.settings import Check
from tests.support.metrics import PLACE, Exposed, KnownInstances, prometheus

METRICS = ("error-rate", "latency-p99", "latency-p50", "memory", "requests")
WINDOW_SECONDS = 20.0
PATIENCE_SECONDS = 30.0
APPS = 24


class App:
    """Instances in one place: one of the old version, its baseline, and two of the new one."""

    def __init__(self, instances: KnownInstances, name: str) -> None:
        self.place = PLACE._replace(app=name)
        self.old, self.baseline, self.new, self.second = (
            instances.run(set_name, self.place) for set_name in ("v1", "v1.baseline", "v2", "v2")
        )

    @property
    def all(self) -> tuple[Exposed, ...]:
        return self.old, self.baseline, self.new, self.second


class World:
    """An app and a source that has read its instances, so that it knows what the counters grow from."""

    def __init__(self, source: MetricsSource, app: App) -> None:
        self.source = source
        self.app = app
        self.measure("memory")
        self.let_read()

    def let_read(self) -> None:
        before = [each.times_read for each in self.app.all]
        _await(
            lambda: all(each.times_read >= times + 2 for each, times in zip(self.app.all, before, strict=True)),
            "the instances are not read",
        )

    def measure(self, *metrics: str, canary: str = "v2", baseline: str = "") -> tuple[Measurement, ...]:
        checks = tuple(Check(metric, metric=metric) for metric in metrics)
        return self.source.measure(self.request(checks, canary, baseline))

    def request(self, checks: tuple[Check, ...] = (), canary: str = "v2", baseline: str = "") -> MeasureRequest:
        return MeasureRequest(self.app.place, canary, baseline, checks, WINDOW_SECONDS, 5.0)

    def await_value(self, metric: str, expected: float, canary: str = "v2", rel: float = 1e-6) -> None:
        """Measures until the value is as expected: a source is as late as its scraping."""
        self.await_answer(metric, lambda found: found.value == pytest.approx(expected, rel=rel), canary)

    def await_answer(
        self, metric: str, accepted: Callable[[Measurement], bool], canary: str = "v2", baseline: str = ""
    ) -> None:
        found: list[Measurement] = []

        def is_accepted() -> bool:
            found[:] = self.measure(metric, canary=canary, baseline=baseline)
            return accepted(found[0])

        _await(is_accepted, lambda: f"the last answer was {found}")


def _await(condition: Callable[[], bool], otherwise: str | Callable[[], str]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(otherwise if isinstance(otherwise, str) else otherwise())
        time.sleep(0.05)


@pytest.fixture(scope="module")
def prometheus_worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[World]]:
    """Prometheus takes 5 s to see new targets, so all are there before it starts; each test has an app of its own."""
    targets = tmp_path_factory.mktemp("targets")
    instances = KnownInstances()
    apps = [App(instances, f"shop-{number}") for number in range(APPS)]
    FileSd(targets, PLACE.region, instances).write()
    with prometheus(targets, scrape_seconds=0.5) as url:
        yield (World(Prometheus(url), app) for app in apps)
    instances.close()


@pytest.fixture(params=["prometheus", "scraper"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "prometheus":
        yield next(request.getfixturevalue("prometheus_worlds"))
        return
    instances = KnownInstances()
    scraper = Scraper(instances)
    yield World(scraper, App(instances, "shop"))
    scraper.close()
    instances.close()


def test_error_rate_is_the_share_of_requests_that_failed(world: World) -> None:
    world.app.new.serve(ok=90, failed=10)
    world.await_value("error-rate", 0.1)


def test_all_instances_of_a_set_count_together(world: World) -> None:
    world.app.new.serve(ok=100)
    world.app.second.serve(failed=100)
    # Prometheus extrapolates each series for itself.
    world.await_value("error-rate", 0.5, rel=0.05)


def test_version_that_never_failed_has_an_error_rate_of_zero(world: World) -> None:
    world.app.new.statuses = {"204": 10}
    world.let_read()
    world.app.new.statuses = {"204": 20}
    world.await_value("error-rate", 0.0)


def test_error_rate_without_requests_is_empty_and_not_zero(world: World) -> None:
    (found,) = world.measure("error-rate")
    assert (found.outcome, found.value) == ("empty", None)
    assert found.detail


def test_latency_is_the_quantile_of_the_histogram(world: World) -> None:
    world.app.new.serve(fast=90, slow=10)
    world.await_value("latency-p99", 0.95)
    world.await_value("latency-p50", 0.1 * 50 / 90)


def test_latency_of_several_instances_is_that_of_all_requests(world: World) -> None:
    world.app.new.serve(fast=80)
    world.app.second.serve(fast=10, slow=10)
    world.await_value("latency-p99", 0.95, rel=0.05)


def test_latency_without_requests_is_empty(world: World) -> None:
    (found,) = world.measure("latency-p99")
    assert (found.outcome, found.value) == ("empty", None)


def test_memory_is_that_of_the_largest_instance(world: World) -> None:
    world.app.new.memory, world.app.second.memory = 70_000_000, 90_000_000
    world.await_value("memory", 90_000_000)


def test_requests_are_counted_in_the_window(world: World) -> None:
    world.app.new.serve(ok=190, failed=10)
    world.await_value("requests", 200, rel=0.3)


def test_restart_of_an_instance_takes_no_requests_back(world: World) -> None:
    world.app.new.serve(ok=300)
    world.let_read()
    world.app.new.statuses = {"200": 10, "500": 90}
    world.await_value("error-rate", 90 / 400)


def test_other_versions_and_other_apps_are_left_out(world: World) -> None:
    world.app.old.serve(failed=100)
    world.app.new.serve(ok=100)
    world.await_value("error-rate", 0.0, canary="v2")
    world.await_value("error-rate", 1.0, canary="v1")


def test_baseline_is_measured_beside_and_apart_from_the_rest_of_its_release(world: World) -> None:
    world.app.old.serve(failed=100)
    world.app.baseline.serve(ok=98, failed=2)
    world.app.new.serve(ok=96, failed=4)
    both = pytest.approx([0.04, 0.02])
    world.await_answer("error-rate", lambda found: [found.value, found.baseline] == both, "v2", "v1.baseline")


def test_baseline_without_an_answer_leaves_the_value_and_says_why(world: World) -> None:
    world.app.new.serve(ok=100)
    world.await_value("error-rate", 0.0)
    (found,) = world.measure("error-rate", baseline="v1.baseline")
    assert (found.outcome, found.value, found.baseline) == ("value", 0.0, None)
    assert found.detail.startswith("baseline: ")


def test_unknown_version_is_empty_in_every_metric(world: World) -> None:
    world.app.new.serve(ok=100, fast=100)
    found = world.measure(*METRICS, canary="v3")
    assert [each.outcome for each in found] == ["empty"] * len(METRICS)
    assert [each.check for each in found] == list(METRICS)


def test_measurements_come_in_the_order_of_the_checks(world: World) -> None:
    world.app.new.serve(ok=100, fast=100)
    world.await_value("error-rate", 0.0)
    assert [each.check for each in world.measure(*reversed(METRICS))] == list(reversed(METRICS))


def test_unknown_metric_is_an_error_that_names_it(world: World) -> None:
    (found,) = world.measure("speed")
    assert found.outcome == "error"
    assert "unknown metric 'speed'" in found.detail


def test_all_requests_since_the_start_are_counted(world: World) -> None:
    world.app.new.serve(ok=1000)
    world.app.second.serve(failed=100)
    _await(lambda: world.source.counted(world.request()).total == 1100, "the total is not told")
    in_window = world.source.counted(world.request()).in_window
    assert in_window == pytest.approx(1100, rel=0.3)


def test_requests_of_an_unknown_version_are_not_known(world: World) -> None:
    assert world.source.counted(world.request(canary="v3")) == Counted()
