"""What a processor counts. Plain numbers, written by one thread; infra exports them."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import groupby

# From the moment a command was sent to the commit of its decision.
LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Latencies:
    """A histogram: `counts[n]` values were at most `LATENCY_BOUNDS[n]` seconds, the last count those above all."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        self.counts[bisect_left(LATENCY_BOUNDS, seconds)] += times
        self.sum += seconds * times


@dataclass
class BatchTally:
    """What one batch did. It counts only once the batch is committed."""

    commands: int = 0
    events: int = 0
    policy_commands: int = 0
    ticks: int = 0
    rejections: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    checkpoints: int = 0
    snapshots: int = 0
    evictions: int = 0
    stuck_deadlines: int = 0


@dataclass
class ProcessorMetrics(BatchTally):
    """Counters grow for the life of the process; the gauges at the end say how it is now."""

    batches: int = 0
    batch_seconds: float = 0.0
    cold_loads: int = 0
    restores: int = 0
    restored_events: int = 0
    restore_seconds: float = 0.0
    rebalances: int = 0
    fenced: int = 0
    log_failures: int = 0
    aborted_batches: int = 0
    poisoned_batches: int = 0
    skipped_checkpoints: int = 0

    lag_seconds: float = 0.0
    partitions: int = 0
    streams: int = 0
    halted: dict[str, str] = field(default_factory=dict)
    latencies: Latencies = field(default_factory=Latencies)

    def add(self, tally: BatchTally, seconds: float) -> None:
        self.batches += 1
        self.batch_seconds += seconds
        for name, count in vars(tally).items():
            if count:
                setattr(self, name, getattr(self, name) + count)

    def decided(self, sent_ms: Iterable[int], now: float) -> None:
        """Commands were decided at `now` (seconds since 1970) that were sent in these milliseconds, mostly in order."""
        for sent, several in groupby(sent_ms):
            self.latencies.observe(max(now - sent / 1000, 0.0), len(list(several)))

    def numbers(self) -> dict[str, float]:
        """All that is one number, by name."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, int | float)}
