"""Row 10: what one run costs when many are stored: deciding it, a page of runs, and restoring the partition.

The log holds every stored run (finished, and older than the time after which a run leaves memory); the views hold
copies of one real row with its own id, number and time. A million is measured for the views only.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.topics import events_topic
from core.ports import TopicPartition
from core.runs.commands import FailRun
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from infra.postgres.connections import connector, sqlalchemy_url
from infra.postgres.reading import open_read_side
from processors.shell import Processor
from projections.migrations.runner import migrate
from projections.queries.runs import RunFilter, list_runs
from tests.benchmarks import direct
from tests.benchmarks.counters import decide, produce, stored
from tests.benchmarks.history import write_history
from tests.benchmarks.measure import Bench, Line, Row, expect
from tests.benchmarks.projection import project
from tests.benchmarks.servers import broker, database
from tests.support.household import TOPOLOGY

GOAL_RATIO = 1.2
_EVENTS = TopicPartition(events_topic("runs"), 0)
_CLONE = """
INSERT INTO runs SELECT (json_populate_record(r, json_build_object(
  'id', 'us-east-' || lpad(to_hex(n + 1000000), 16, '0'), 'number', n + 1000,
  'created_at', r.created_at + n * interval '1 second'))).* FROM
  (SELECT * FROM runs ORDER BY number LIMIT 1) AS r, generate_series(%s::int + 1, %s::int) AS n
"""


class LaterClock:
    """The system's clock, moved on: what has ended leaves memory after an hour."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def measure(bench: Bench) -> Row:
    log_sizes = [20, 100] if bench.quick else [1000, 10_000, 100_000]
    view_sizes = [*log_sizes, 200] if bench.quick else [*log_sizes, 1_000_000]
    with broker(TOPOLOGY) as connection:
        log = Growing(bench, connection)
        found = [log.measured_at(size) for size in log_sizes]
    pages = Pages(bench)
    listed = pages.measured_at(view_sizes)
    lines = []
    for what, unit, series, sizes in (
        ("decide one run", "ms", [decided for decided, _ in found], log_sizes),
        ("restore the partition", "ms", [restored for _, restored in found], log_sizes),
        ("a page of 50 runs", "ms", listed, view_sizes),
    ):
        first = series[0]
        for size, values in list(zip(sizes, series, strict=True))[1:]:
            lines.append(Line(f"{what}, {size:,} runs stored", unit, values, first, GOAL_RATIO, lower=True))
    return Row(
        10,
        "Growth: cost of one run by the number of runs stored",
        f"the same with {log_sizes[0]:,} runs stored",
        lines,
        [log.check(log_sizes[-1]), pages.check],
        ["GraphQL is not there yet; runs beyond 100,000 are in the views only, because filling the log takes too long"],
    )


class Growing:
    """One partition of the runs context, filled further and further."""

    def __init__(self, bench: Bench, connection: Connection) -> None:
        self._bench = bench
        self._connection = connection
        self._clock = LaterClock()
        self._runs = 0

    def measured_at(self, size: int) -> tuple[list[float], list[float]]:
        """(ms to decide a run, ms to restore the partition), each by repetition."""
        with self._bench.step(f"row 10: {size:,} runs stored in the log"):
            self._fill(size)
        with self._bench.step("row 10: deciding and restoring"):
            decided = [self._decide(self._bench.size(2000, 20)) for _ in range(self._bench.repetitions)]
            self._forget()
            restored = [self._restore() for _ in range(self._bench.repetitions)]
        return decided, restored

    def check(self, size: int) -> str:
        events = len(stored(self._connection, _EVENTS))
        expect(events >= 2 * self._runs, f"{events} events of {self._runs} runs")
        return f"the log holds {self._runs:,} runs with {events:,} events when {size:,} are named"

    def _fill(self, size: int) -> None:
        self._run(max(0, size - self._runs))
        self._forget()

    def _decide(self, count: int) -> float:
        return 1000 * self._run(count) / count

    def _run(self, count: int) -> float:
        """Seconds to decide `count` new runs that fail at once."""
        numbers = range(self._runs, self._runs + count)
        self._runs += count
        fail = FailRun(code="repository-unavailable", detail="it is gone")
        for number in numbers:
            run = direct.run_name(number)
            self._send.append(direct.record(TOPOLOGY, run, direct.request(number)))
            self._send.append(direct.record(TOPOLOGY, run, fail))
        return 0.0
