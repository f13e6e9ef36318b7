"""The settings of a processor. The defaults suit production; tests and the simulation shrink them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessorOptions:
    """Counts per partition unless said otherwise; all durations in seconds.

    `code_version` names what evolve means: snapshots made under another one are ignored, not trusted. A transaction
    costs the broker and all readers the same however little is in it: after a batch of `busy_commands` or more the
    next one is given `gather_seconds` to grow. An idle system never waits. A restore reads about as many superseded
    snapshots as `superseded_snapshots` and `superseded_per_stream` say together, however many the broker has kept.
    """

    max_batch: int = 1000
    busy_commands: int = 8
    gather_seconds: float = 0.008
    checkpoint_events: int = 2000
    events_per_snapshot: int = 10
    checkpoint_seconds: float = 60.0
    superseded_snapshots: int = 5000
    superseded_per_stream: int = 3
    max_snapshot_bytes: int = 4_000_000
    retention_seconds: float = 3600.0
    remembered_commands: int = 512
    catch_up_grace_seconds: float = 2.0
    stuck_deadline_retry_seconds: float = 30.0
    backoff_seconds: float = 0.2
    backoff_max_seconds: float = 10.0
    read_timeout_seconds: float = 30.0
    code_version: str = "1"
