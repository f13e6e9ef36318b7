"""Row 5: from a signed push to the first log line in a viewer on an idle system, beside the raw hops on that way."""

import asyncio
import time

from tests.benchmarks.hops import Hops
from tests.benchmarks.house import House, house
from tests.benchmarks.measure import Bench, Line, Row, expect, quantile
from tests.benchmarks.pushes import Line as Connection
from tests.benchmarks.pushes import Sender

GOAL_P50_MS, GOAL_P99_MS = 150.0, 400.0
PLAIN_HOPS, TRANSACTIONS, SPAWNS = 5, 5, 1
_PIPELINE = "stages: [{name: build, steps: [{name: say, run: echo hello}]}]\n"


def measure(bench: Bench) -> Row:
    count = bench.size(40, 2)
    p50: list[float] = []
    p99: list[float] = []
    limits: list[float] = []
    with house(agents=True) as place:
        hops = Hops(place.settings.kafka_bootstrap_servers, PLAIN_HOPS, TRANSACTIONS, SPAWNS)
        with bench.step("row 5: a repository and its first run"):
            work = FirstLine(place)
            asyncio.run(work.pushes(1))
        for repetition in range(bench.repetitions):
            with bench.step(f"row 5: repetition {repetition + 1} of {bench.repetitions}"):
                limits.append(hops.measure(bench.size(50, 3)))
                waits = asyncio.run(work.pushes(count))
                p50.append(quantile(waits, 0.5) * 1000)
                p99.append(quantile(waits, 0.99) * 1000)
        check = work.check()
    return Row(
        5,
        "Push to first log line in a viewer, idle system, real agent and sandbox",
        f"sum of the raw hops on this way, p50 each: {PLAIN_HOPS} produce -> consume, {TRANSACTIONS} transactions of "
        f"one record, {SPAWNS} start of a sandbox (bwrap)",
        [
            Line("p50", "ms", p50, limits, GOAL_P50_MS, True, True),
            Line("p99", "ms", p99, limits, GOAL_P99_MS, True, True),
        ],
        [check],
    )


class FirstLine:
    """Pushes one by one, and a viewer that looks for the run as soon as the push is accepted."""

    def __init__(self, place: House) -> None:
        self._place = place
        commit = place.repository("origin", _PIPELINE)
        url = place.git_url("origin")
        self._sender = Sender(place.settings.port, url, place.forge_app("shop", url), commit)
        self._number = 0

    async def pushes(self, count: int) -> list[float]:
        line = await Connection.open(self._place.settings.port)
        waits = []
        for _ in range(count):
            self._number += 1
            started = time.perf_counter()
            await line.post(self._sender.push())
            run = await self._run()
            await self._first_line(run)
            waits.append(time.perf_counter() - started)
            await asyncio.to_thread(self._finished)
        line.close()
        return waits

    async def _run(self) -> str:
        path = f"/api/v1/apps/shop/runs/{self._number}"
        return str((await asyncio.to_thread(self._place.await_answer, path)).json()["id"])

    async def _first_line(self, run: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._place.settings.port)
        token = self._place.installation.key.admin_token
        path = f"/api/v1/runs/{run}/logs/stream"
        writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        seen = b""
        while b"hello" not in seen:
            piece = await reader.read(65536)
            expect(bool(piece), f"the stream ended without the line: {seen[-300:]!r}")
            seen += piece
        writer.close()

    def _finished(self) -> None:
        statement = b"SELECT 1 FROM runs WHERE app = 'shop' AND number = %s AND state = 'finished'"
        number = (self._number,)
        self._place.wait_until(lambda database: database.execute(statement, number).fetchone() is not None)

    def check(self) -> str:
        with self._place.database() as database:
            row = database.execute(
                "SELECT count(*), count(*) FILTER (WHERE outcome = 'success') FROM runs WHERE app = 'shop'"
            ).fetchone()
        assert row is not None
        expect(row == (self._number, self._number), f"{row} runs (all, successful) of {self._number} pushes")
        return f"{self._number} pushes, each one successful run whose line was seen"
