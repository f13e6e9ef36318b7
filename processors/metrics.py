"""What a processor counts. Plain numbers, written by one thread; infra exports them."""

from dataclasses import asdict, dataclass, field


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
    poisoned_batches: int = 0
    skipped_checkpoints: int = 0

    lag_seconds: float = 0.0
    partitions: int = 0
    streams: int = 0
    halted: dict[str, str] = field(default_factory=dict)

    def add(self, tally: BatchTally, seconds: float) -> None:
        self.batches += 1
        self.batch_seconds += seconds
        for name, count in vars(tally).items():
            if count:
                setattr(self, name, getattr(self, name) + count)

    def numbers(self) -> dict[str, float]:
        """All by name, ready for an exporter; `halted` as the number of halted partitions."""
        return {name: len(value) if isinstance(value, dict) else value for name, value in asdict(self).items()}
