"""Traces against a collector that takes OTLP over HTTP, from events as the aggregates decide them."""

from collections.abc import Iterator

import pytest

from agents.connectors.base import Later, Work
from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.traces import GIVE_UP_AFTER, RunHistory, Traces
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import encode_event
from core.eventlog.topics import events_topic
from core.ports import Record
from infra.memory.clock import ManualClock
from infra.otlp import otlp_exporter
from tests.support.collector import Collector
from tests.support.pushed_run import PushedRun, stage

HOUR = GIVE_UP_AFTER.total_seconds()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


class World:
    """The connector with the views of one finished run, and a clock that moves when told."""

    def __init__(self, collector: Collector, headers: str = "") -> None:
        self.pushed = PushedRun()
        self.pushed.plan(stage("lint"), stage("build", "lint"))
        self.pushed.work()
        self.pushed.work("failure")
        self.history = RunHistory(self.pushed.run_events(), self.pushed.cause())
        self.clock = ManualClock()
        self.metrics = ConnectorMetrics()
        exporter = otlp_exporter(collector.url, headers, "1.2.3")
        self.traces = Traces(lambda run: self.history, exporter, self.clock, self.metrics)

    def work(self, event: EventEnvelope) -> Work | None:
        return self.traces.work(Record(events_topic("runs"), 0, 0, None, encode_event(event)))

    def ended(self) -> Work:
        found = self.work(self.pushed.run_events()[-1])
        assert found is not None
        return found

    def given_up(self, code: str) -> float:
        name, labels = "sealane_connector_given_up_total", {"connector": "traces", "code": code}
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def test_end_of_a_run_sends_its_whole_trace(collector: Collector) -> None:
    world = World(collector)
    assert world.ended().run(1) == ()
    (root,) = (span for span in collector.spans if not span.parent)
    steps: list[object] = [["wait for an agent"], ["checkout"], ["test"]]
    assert collector.tree(root) == [
        "push refs/heads/main",
        [
            "run shop #1",
            ["plan"],
            ["stage lint", ["lint attempt 1", *steps]],
            ["stage build", ["build attempt 1", *steps]],
        ],
    ]
    assert {span.service for span in collector.spans} == {"sealane"}
    assert {span.name for span in collector.spans if span.failed} == {
        "run shop #1",
        "stage build",
        "build attempt 1",
    }
    assert root.start == int(world.pushed.received_at.timestamp()) * 1_000_000_000


def test_repeated_export_sends_the_same_ids(collector: Collector) -> None:
    world = World(collector)
    world.ended().run(1)
    first = list(collector.spans)
    world.ended().run(1)
    assert collector.spans == first * 2


def test_other_events_are_no_work(collector: Collector) -> None:
    world = World(collector)
    assert [world.work(event) for event in world.pushed.run_events()[:-1]] == [None] * (
        len(world.pushed.run_events()) - 1
    )


def test_headers_of_the_settings_go_with_each_request(collector: Collector) -> None:
    World(collector, "authorization=Bearer%20abc,x-tenant=blue").ended().run(1)
    assert collector.requests[0]["authorization"] == "Bearer abc"
    assert collector.requests[0]["x-tenant"] == "blue"


def test_busy_collector_is_asked_again_and_gets_the_trace_then(collector: Collector) -> None:
    world = World(collector)
    collector.answers = [503, 200]
    work = world.ended()
    assert work.run(1) == Later(1.0)
    world.clock.advance(1.0)
    assert work.run(2) == ()
    assert collector.spans


def test_others_wait_without_a_request_while_the_collector_is_known_to_be_down(collector: Collector) -> None:
    world = World(collector)
    collector.answers = [503]
    world.ended().run(1)
    world.clock.advance(0.25)
    assert world.ended().run(1) == Later(0.75)
    assert len(collector.requests) == 1


def test_pauses_grow_to_a_minute(collector: Collector) -> None:
    world = World(collector)
    collector.answers = [503]
    work, pauses = world.ended(), []
    for attempt in range(1, 10):
        result = work.run(attempt)
        assert isinstance(result, Later)
        pauses.append(result.seconds)
        world.clock.advance(result.seconds)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_collector_that_stays_away_loses_the_trace_after_an_hour_and_it_is_counted(collector: Collector) -> None:
    world = World(collector)
    collector.answers = [503]
    work = world.ended()
    work.run(1)
    world.clock.advance(HOUR)
    assert work.run(2) == ()
    assert world.given_up("collector-unavailable") == 1


def test_refused_trace_is_given_up_at_once_and_holds_nobody_up(collector: Collector) -> None:
    world = World(collector)
    collector.answers = [400, 200]
    assert world.ended().run(1) == ()
    assert world.given_up("trace-refused") == 1
    assert world.ended().run(1) == ()
    assert collector.spans


def test_collector_that_is_not_there_is_waited_for() -> None:
    with Collector() as gone:
        pass
    assert isinstance(World(gone).ended().run(1), Later)


def test_views_that_lag_are_waited_for_but_not_for_ever(collector: Collector) -> None:
    world = World(collector)
    complete, world.history = world.history, RunHistory(world.history.events[:-1])
    work = world.ended()
    assert isinstance(work.run(1), Later)
    world.history = complete
    assert work.run(2) == ()
    assert collector.spans
    world.history = RunHistory(())
    work = world.ended()
    work.run(1)
    world.clock.advance(HOUR)
    assert work.run(2) == ()
    assert world.given_up("run-unknown") == 1
