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
INSERT INTO runs SELECT x.* FROM (SELECT to_jsonb(runs) AS row, created_at FROM runs ORDER BY number LIMIT 1) AS r,
  generate_series(%s::int + 1, %s::int) AS n,
  LATERAL jsonb_populate_record(NULL::runs, r.row || jsonb_build_object('id', 'us-east-' || lpad(to_hex(n), 16, '0'),
    'number', n + 1000, 'created_at', r.created_at + n * interval '1 second')) AS x
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
        log.close()
        check = log.check(log_sizes[-1])
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
        [check, pages.check],
        ["GraphQL is not there yet; runs beyond 100,000 are in the views only, because filling the log takes too long"],
    )


class Growing:
    """One partition of the runs context, filled further and further by the real processor."""

    def __init__(self, bench: Bench, connection: Connection) -> None:
        self._bench = bench
        self._connection = connection
        self._clock = LaterClock()
        self._runs = 0
        self._live = self._processor()

    def close(self) -> None:
        self._live.close()

    def measured_at(self, size: int) -> tuple[list[float], list[float]]:
        """(ms to decide a run, ms to restore the partition), each by repetition."""
        with self._bench.step(f"row 10: {size:,} runs stored in the log"):
            self._decide(max(1, size - self._runs))
        with self._bench.step("row 10: deciding and restoring"):
            count = self._bench.size(1000, 20)
            decided = [1000 * self._decide(count) / count for _ in range(self._bench.repetitions)]
            restored = [1000 * self._restore() for _ in range(self._bench.repetitions)]
        return decided, restored

    def check(self, size: int) -> str:
        """Every run was requested, failed and finished, in the log."""
        events = len(stored(self._connection, _EVENTS))
        # All but the last one, which was only requested, have ended.
        expect(events == 2 * self._runs - 1, f"{events} events of {self._runs} runs")
        return (
            f"{self._runs:,} runs with {events:,} events lay in the log at the end, {size:,} at the last step's start"
        )

    def _decide(self, count: int) -> float:
        """Seconds to decide `count` new runs that fail at once. Afterwards none of them is in memory any more."""
        numbers = range(self._runs, self._runs + count)
        self._runs += count
        fail = FailRun(code="repository-unavailable", detail="it is gone")
        records = []
        for number in numbers:
            run = direct.run_name(number)
            records += [direct.record(TOPOLOGY, run, direct.request(number)), direct.record(TOPOLOGY, run, fail)]
        processor = self._live
        while processor.waiting or not processor.partitions:
            processor.run_once(0.1)
        produce(self._connection, records)
        started = time.perf_counter()
        decide(processor, len(records))
        seconds = time.perf_counter() - started
        self._clock.ahead += timedelta(hours=2)
        # One more run, whose recording makes those that have ended leave memory.
        produce(self._connection, [direct.record(TOPOLOGY, direct.run_name(self._runs), direct.request(self._runs))])
        self._runs += 1
        decide(processor, 1)
        left = sum(len(state.streams) for state in processor.partitions.values())
        expect(left <= 2 * self._bench.repetitions * 10, f"{left} runs are still in memory")
        return seconds

    def _restore(self) -> float:
        processor = self._processor()
        started = time.perf_counter()
        processor.restorer.restore("runs", 0, None)
        seconds = time.perf_counter() - started
        processor.close()
        return seconds

    def _processor(self) -> Processor:
        return Processor(
            AGGREGATES,
            POLICIES,
            TOPOLOGY,
            lambda: KafkaGroupConsumer(self._connection, "bench"),
            lambda: KafkaTransactionalProducer(self._connection, "bench"),
            lambda: KafkaLogReader(self._connection, "bench-restore", settled=True),
            self._clock,
        )


class Pages:
    """The views of a few real runs, and as many copies of one of them as wanted."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.check = ""

    def measured_at(self, sizes: list[int]) -> list[list[float]]:
        """ms for the newest page, by size and repetition."""
        with broker(TOPOLOGY) as connection, database() as dsn:
            migrate(sqlalchemy_url(dsn).render_as_string(hide_password=False), "sealane")
            project(connection, dsn, write_history(connection, 3))
            found = []
            stored_runs = 3
            for size in sizes:
                with self._bench.step(f"row 10: {size:,} runs in the views"):
                    self._fill(dsn, stored_runs, size)
                    stored_runs = size
                    found.append(asyncio.run(self._pages(dsn, size)))
        self.check = f"a page of 50 runs is full and newest first with {sizes[-1]:,} runs in the views"
        return found

    @staticmethod
    def _fill(dsn: str, have: int, size: int) -> None:
        with connector(dsn, "sealane")() as database:
            database.execute(_CLONE.encode(), (have, size))
            database.commit()
            database.autocommit = True
            database.execute("ANALYZE runs")

    async def _pages(self, dsn: str, size: int) -> list[float]:
        read = open_read_side(dsn)
        times = []
        for _ in range(self._bench.repetitions + 1):
            started = time.perf_counter()
            for _ in range(20):
                page = await list_runs(read, RunFilter(app="shop"))
            times.append((time.perf_counter() - started) * 1000 / 20)
            numbers = [run.number for run in page.items]
            full = len(numbers) == min(50, size)
            expect(full and numbers == sorted(numbers, reverse=True), f"a page with runs {numbers}")
        await read.close()
        return times[1:]
