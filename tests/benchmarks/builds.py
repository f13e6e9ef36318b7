"""Row 7: whole builds. Signed webhooks in, finished runs in Postgres out; the agents finish at once.

Everything between is real: gateway, Kafka, ingest, mirror, definition, processors, scheduler, agent protocol, views.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from infra.long_work import long_work
from infra.replay_report import Report
from infra.replay_steps import compare_views, replay_log
from tests.benchmarks.house import REGION, Database, House, cpu_of, house, per_process
from tests.benchmarks.measure import Bench, Line, Row, expect, number, quantile
from tests.benchmarks.pushes import Line as Connection
from tests.benchmarks.pushes import Sender

GOAL = 100.0
GOAL_FIRST_STEP_MS = 100.0
PIPELINE = """
name: Benchmark
stages:
  - {name: lint, steps: [{name: one, run: "true"}, {name: two, run: "true"}]}
  - {name: unit, steps: [{name: one, run: "true"}, {name: two, run: "true"}]}
  - {name: build, needs: [lint, unit], steps: [{name: one, run: "true"}, {name: two, run: "true"}]}
  - {name: integration, needs: [build], steps: [{name: one, run: "true"}, {name: two, run: "true"}]}
  - {name: deploy, needs: [build], steps: [{name: one, run: "true"}, {name: two, run: "true"}]}
"""
_APPS = 4
_ROOT = Path(__file__).parents[2]


def measure(bench: Bench) -> Row:
    seconds, window = bench.size(60, 2), bench.size(150, 20)
    with house() as place, swift_agents(place) as agents:
        work = Builds(bench, place)
        waits = asyncio.run(work.one_by_one(bench.size(100, 5)))
        before = place.cpu_seconds() | {"agents": cpu_of(agents.pid)}
        rates, runs = asyncio.run(work.sustained(window, seconds))
        after = place.cpu_seconds() | {"agents": cpu_of(agents.pid)}
        checks = [work.check(), _farewell(agents)]
        times = work.times()
        with bench.step("row 7: replay --verify of all that"):
            checks.append(_replayed(place))
    first = [each for each, _ in waits]
    return Row(
        7,
        "Whole builds: signed push to finished run of 5 jobs with 2 steps each, agents that finish at once",
        f"none; the repetitions are consecutive windows of {seconds} s, {window} runs always under way",
        [
            Line("runs finished, one processor", "runs/s", rates, (), GOAL, True),
            Line("idle: webhook to first step, p50", "ms", [quantile(first, 0.5)], (), GOAL_FIRST_STEP_MS, True, True),
            Line("idle: webhook to first step, p99", "ms", [quantile(first, 0.99)]),
            Line("idle: webhook to finished run in Postgres, p50", "ms", [quantile([all_ for _, all_ in waits], 0.5)]),
        ],
        checks,
        [f"CPU per run in ms: {per_process(before, after, runs)}", times],
    )


@contextmanager
def swift_agents(place: House, agents: int = 4, slots: int = 64, lines: int = 2) -> Iterator["subprocess.Popen[str]"]:
    """Connected when this is entered."""
    token = place.installation.key.agent_token(REGION)
    arguments = (str(place.settings.port), token, REGION, str(agents), str(slots), str(lines))
    command = (sys.executable, "-m", "tests.benchmarks.swift_agent", *arguments)
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for _ in range(agents):
            expect("connected" in process.stdout.readline(), "an agent did not connect")
        yield process
    finally:
        process.kill()
        process.wait()


class Builds:
    """Four apps that are built from one repository of a forge, and pushes to them."""

    def __init__(self, bench: Bench, place: House) -> None:
        self._bench = bench
        self._place = place
        self._posted: dict[str, float] = {}
        with bench.step("row 7: a repository, its mirror, four apps"):
            commit = place.repository("origin", PIPELINE)
            senders = []
            url = place.git_url("origin")
            for n in range(_APPS):
                senders.append(Sender(place.settings.port, url, place.forge_app(f"bench-{n}", url), commit))
            place.wait_until(lambda database: _finished(database) == 1)
        self._senders = cycle(senders)

    async def one_by_one(self, count: int) -> list[tuple[float, float]]:
        """(ms to the first step, ms to the end) of runs that have the system for themselves."""
        line = await Connection.open(self._place.settings.port)
        with self._bench.step(f"row 7: {count} runs one by one"), self._place.database() as database:
            for index in range(count):
                await self._post(line)
                await asyncio.to_thread(_await_finished, database, index + 2)
            line.close()
            found = database.execute(
                "SELECT r.delivery_id, extract(epoch FROM min(s.started_at)), extract(epoch FROM max(r.finished_at))"
                " FROM runs r JOIN steps s ON s.run_id = r.id GROUP BY r.delivery_id, r.id"
            ).fetchall()
        starts = [
            (self._posted[each], float(first), float(last)) for each, first, last in found if each in self._posted
        ]
        expect(len(starts) == count, f"{len(starts)} of {count} runs have steps")
        return [((first - posted) * 1000, (last - posted) * 1000) for posted, first, last in starts]

    async def sustained(self, window: int, seconds: int) -> tuple[list[float], int]:
        """Runs/s in each repetition, and the number of runs in all of them."""
        lines = [await Connection.open(self._place.settings.port) for _ in range(8)]
        started = time.monotonic()
        with self._place.database() as database:
            counts = _Counts(database, len(self._posted))
            stop = asyncio.Event()
            feeding = [asyncio.create_task(self._feed(line, counts, window, stop)) for line in lines]
            rates = []
            with self._bench.step(f"row 7: warm-up, then {self._bench.repetitions} windows of {seconds} s"):
                await counts.watch(seconds / 4)
                first = counts.finished
                for _ in range(self._bench.repetitions):
                    rates.append(await counts.watch(seconds))
                    self._bench.say(f"{time.monotonic() - started:7.1f} s    {rates[-1]:.1f} runs/s")
                runs = counts.finished - first
            stop.set()
            await asyncio.gather(*feeding)
            with self._bench.step("row 7: until all have finished"):
                await asyncio.to_thread(_await_finished, database, len(self._posted) + 1)
        for line in lines:
            line.close()
        return rates, runs

    async def _feed(self, line: Connection, counts: "_Counts", window: int, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if len(self._posted) - counts.finished < window:
                await self._post(line)
            else:
                await asyncio.sleep(0.02)

    async def _post(self, line: Connection) -> None:
        push = next(self._senders).push()
        self._posted[push.delivery_id] = time.time()
        await line.post(push)

    def check(self) -> str:
        """Each push one run, each run finished with one attempt of each job and two steps of each attempt."""
        pushed = len(self._posted)
        with self._place.database() as database:
            runs, deliveries = _numbers(
                database,
                "SELECT count(*), count(DISTINCT delivery_id) FROM runs"
                " WHERE state = 'finished' AND outcome = 'success' AND delivery_id = ANY(%s)",
                list(self._posted),
            )
            jobs, attempts, most = _numbers(
                database,
                "SELECT count(DISTINCT (run_id, job_id)), count(*), max(attempt) FROM attempts WHERE state = 'finished'"
                " AND outcome = 'success'",
            )
            steps, *_ = _numbers(database, "SELECT count(*) FROM steps WHERE outcome = 'success'")
            unfinished, *_ = _numbers(database, "SELECT count(*) FROM runs WHERE state <> 'finished'")
            letters, *_ = _numbers(database, "SELECT count(*) FROM dead_letters")
        expect(runs == deliveries == pushed, f"{pushed} pushes, {runs} successful runs of {deliveries} deliveries")
        expect(jobs == attempts == 5 * (pushed + 1) and most == 1, f"{jobs} jobs, {attempts} attempts, up to {most}")
        expect(steps == 10 * (pushed + 1), f"{steps} steps of {pushed + 1} runs")
        expect(unfinished == letters == 0, f"{unfinished} runs unfinished, {letters} dead letters")
        gave = f"{runs:,} successful runs, {attempts:,} attempts (one per job), {steps:,} steps"
        return f"{pushed:,} signed pushes gave {gave}"

    def times(self) -> str:
        """What the runs under load took."""
        with self._place.database() as database:
            found = database.execute(
                "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY e), percentile_cont(0.99) WITHIN GROUP (ORDER BY e)"
                " FROM (SELECT extract(epoch FROM finished_at - created_at) AS e FROM runs) AS x"
            ).fetchone()
        assert found is not None
        return f"under load a run takes {number(float(found[0]))} s (p50), {number(float(found[1]))} s (p99)"


class _Counts:
    """Finished runs, asked for a few times a second."""

    def __init__(self, database: Database, finished: int) -> None:
        self._database = database
        self.finished = finished

    async def watch(self, seconds: float) -> float:
        """Count for so long; answers with the runs/s of that time."""
        started, before = time.monotonic(), self.finished
        while time.monotonic() - started < seconds:
            await asyncio.sleep(0.2)
            self.finished = await asyncio.to_thread(_finished, self._database) - 1
        return (self.finished - before) / (time.monotonic() - started)


def _finished(database: Database) -> int:
    return _numbers(database, "SELECT count(*) FROM runs WHERE finished_at IS NOT NULL")[0]


def _await_finished(database: Database, count: int, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while (found := _finished(database)) < count:
        expect(time.monotonic() < deadline, f"{found} of {count} runs finished, and nothing more for {seconds:g} s")
        time.sleep(0.005)


def _numbers(database: Database, statement: str, *arguments: object) -> tuple[int, ...]:
    row = database.execute(statement.encode(), arguments or None).fetchone()
    assert row is not None
    return tuple(int(each or 0) for each in row)


def _replayed(place: House) -> str:
    """What `sealane replay --verify` does: chains and states from the topics, views projected again."""
    report = Report()
    with long_work() as step:
        replay_log(place.settings, report, None, None, True, step)
        compare_views(place.settings, report, None, step)
    expect(report.holds, f"the replay found {report.log.faults or report.views_problem or report.views}")
    expect(report.log.compared > 0 and not report.log.skipped, f"snapshots were not compared: {report.log.skipped}")
    assert report.views is not None
    events, rows = report.log.events, report.views.rows
    return (
        f"replay --verify: {events:,} events folded at {events / report.log_seconds:,.0f}/s, every chain holds, and so "
        f"do the snapshots of {report.log.compared} partitions; {rows:,} rows of the views projected anew and compared "
        f"in {report.view_seconds:.0f} s ({rows / report.view_seconds:,.0f}/s), none differs"
    )


def _farewell(agents: "subprocess.Popen[str]") -> str:
    """What the agents have to say in the end: everything acknowledged, nothing refused."""
    agents.terminate()
    said, _ = agents.communicate(timeout=30)
    expect("open=0 refused=0" in said, f"the agents say: {said}")
    return f"agents: {said.strip()}"
