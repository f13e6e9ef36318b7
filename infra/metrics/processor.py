"""What a processor counts, for Prometheus."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.metrics.families import counter, gauge, gauges
from processors.metrics import LATENCY_BOUNDS, Latencies
from processors.shell import Processor

_COUNTERS = {
    "commands": "Commands decided: accepted, refused, or known already.",
    "events": "Events written.",
    "policy_commands": "Commands that events made.",
    "ticks": "Deadlines that were asked.",
    "rejections": "Commands refused.",
    "duplicates": "Commands that had been decided before.",
    "dead_letters": "Commands that could not be decided and lie in sealane.dead-letters.",
    "checkpoints": "Checkpoints of a partition.",
    "snapshots": "Snapshots of a stream.",
    "skipped_checkpoints": "Checkpoints left out because a stream is too large for a record.",
    "evictions": "Finished streams that left memory.",
    "stuck_deadlines": "Deadlines that led to nothing and were postponed.",
    "batches": "Transactions committed.",
    "batch_seconds": "Time spent on committed batches.",
    "aborted_batches": "Transactions that came to nothing; their commands are decided again.",
    "poisoned_batches": "Those of them that a command broke.",
    "cold_loads": "Streams brought back from the log.",
    "restores": "Partitions restored.",
    "restored_events": "Events read to restore them.",
    "restore_seconds": "Time it took.",
    "rebalances": "Times that partitions came or went.",
    "fenced": "Times that a newer owner fenced this processor.",
    "log_failures": "Times that Kafka could not be reached or refused.",
}
_GAUGES = {
    "lag_seconds": "Age of the oldest command of the last batch when it was taken.",
    "streams": "Streams in memory.",
}


class ProcessorCollector(Collector):
    """Reads the numbers when asked; the processor's own thread writes them."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    def collect(self) -> Iterator[Metric]:
        metrics = self._processor.metrics
        numbers = metrics.numbers()
        for name, text in _COUNTERS.items():
            yield counter(f"sealane_processor_{name}", text, numbers[name])
        for name, text in _GAUGES.items():
            yield gauge(f"sealane_processor_{name}", text, numbers[name])
        live = [((where.topic, str(where.partition)), 1.0) for where in list(self._processor.partitions)]
        place = ("topic", "partition")
        yield gauges("sealane_processor_partition_live", "1: this processor decides its commands.", place, live)
        halted = [
            ((topic, number), 1.0) for topic, _, number in (name.rpartition(":") for name in list(metrics.halted))
        ]
        yield gauges("sealane_processor_partition_halted", "1: its log can't be understood.", place, halted)
        yield _latency(metrics.latencies)


def _latency(latencies: Latencies) -> HistogramMetricFamily:
    bounds = [*map(str, LATENCY_BOUNDS), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(list(latencies.counts))), strict=True))
    return HistogramMetricFamily(
        "sealane_processor_decision_seconds",
        "From the moment a command was sent to the commit of its decision.",
        buckets=buckets,
        sum_value=latencies.sum,
    )


def processor_registry(processor: Processor) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(ProcessorCollector(processor))
    return registry
