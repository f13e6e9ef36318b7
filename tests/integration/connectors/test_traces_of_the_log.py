"""The loop of connectors with traces in it: what a collector that is down does to the offsets."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agents.connectors.base import Connector
from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.traces import RunHistory, Traces
from core.eventlog.routing import encode_event
from core.eventlog.topics import events_topic
from core.ports import OutgoingRecord, TopicPartition
from infra.clock import SystemClock
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer
from infra.otlp import otlp_exporter
from tests.support.collector import Collector
from tests.support.household import TOPOLOGY
from tests.support.pushed_run import PushedRun, stage

RUNS = TopicPartition(events_topic("runs"), 0)


class World:
    """The events of one run in a log in memory, with real time, and the connector over them."""

    def __init__(self, collector: Collector) -> None:
        self.log = MemoryLog()
        self.log.on_idle = lambda seconds: time.sleep(0.001)
        for spec in TOPOLOGY.topic_specs():
            self.log.create(spec)
        pushed = PushedRun()
        pushed.plan(stage("lint"))
        pushed.work()
        self.events = pushed.run_events()
        values = [encode_event(event) for event in self.events]
        MemoryProducer(self.log, "test").send_all([OutgoingRecord(*RUNS, b"k", value) for value in values])
        history = RunHistory(self.events, pushed.cause())
        metrics = ConnectorMetrics()
        traces = Traces(lambda _: history, otlp_exporter(collector.url, "", "1"), SystemClock(), metrics)
        self.connector = Connector(
            handler=traces,
            consumer=lambda: MemoryGroupConsumer(self.log, "traces"),
            producer=MemoryProducer(self.log, "connector"),
            metrics=metrics,
        )

    def run(self, until: Callable[[], bool]) -> None:
        """Run the connector until the condition holds, then let it stop, which commits what is done."""
        stop = threading.Event()
        thread = threading.Thread(target=self.connector.run, args=(stop,))
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not until() and time.monotonic() < deadline:
                time.sleep(0.005)
        finally:
            stop.set()
            thread.join()
        assert until()

    def committed(self) -> int | None:
        consumer = MemoryGroupConsumer(self.log, "traces")
        try:
            return consumer.committed([RUNS])[RUNS]
        finally:
            consumer.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def test_offset_stays_before_a_run_whose_trace_was_not_taken(collector: Collector) -> None:
    collector.answers = [503]
    world = World(collector)
    world.run(lambda: len(collector.requests) >= 2)
    assert world.committed() == len(world.events) - 1
    assert collector.spans == []


def test_trace_is_sent_by_the_next_process_when_the_collector_is_back(collector: Collector) -> None:
    collector.answers = [503]
    world = World(collector)
    world.run(lambda: len(collector.requests) >= 1)
    collector.answers = [200]
    world.run(lambda: bool(collector.spans))
    assert world.committed() == len(world.events)
    assert len({span.id for span in collector.spans}) == len(collector.spans)
