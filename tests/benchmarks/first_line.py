"""Row 5: from a signed push to the first log line in a viewer on an idle system, beside the raw hops on that way."""

import asyncio
import subprocess
import time
from collections.abc import Callable

from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from core.eventlog.topics import TopicSpec
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection as Kafka
from infra.kafka.producer import producer_config
from tests.benchmarks.house import House, house
from tests.benchmarks.measure import Bench, Line, Row, expect, quantile
from tests.benchmarks.pushes import Line as Connection
from tests.benchmarks.pushes import Sender

GOAL_P50_MS, GOAL_P99_MS = 150.0, 400.0
PLAIN_HOPS, TRANSACTIONS, SPAWNS = 5, 5, 1
_HOP = "raw-hop"
_PIPELINE = "stages: [{name: build, steps: [{name: say, run: echo hello}]}]\n"


def measure(bench: Bench) -> Row:
    count = bench.size(40, 2)
    p50: list[float] = []
    p99: list[float] = []
    limits: list[float] = []
    with house(agents=True) as place:
        kafka = Kafka(place.settings.kafka_bootstrap_servers)
        KafkaTopicAdmin(kafka).create([TopicSpec(_HOP, 1, {})])
        with bench.step("row 5: a repository and its first run"):
            work = FirstLine(place)
            asyncio.run(work.pushes(1))
        for repetition in range(bench.repetitions):
            with bench.step(f"row 5: repetition {repetition + 1} of {bench.repetitions}"):
                limits.append(_hops(kafka, bench.size(50, 3)))
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


def _hops(kafka: Kafka, count: int) -> float:
    """Milliseconds of the raw hops together."""
    consumer = Consumer(kafka.config("raw-hop", group_id="raw-hop", isolation_level="read_committed"))
    plain = Producer(producer_config(kafka, "raw-hop", 10.0, linger_ms=0.5))
    transactional = Producer(
        kafka.config("raw-hop-t", transactional_id="raw-hop", retry_backoff_ms=1, retry_backoff_max_ms=5)
    )
    transactional.init_transactions(30)
    _, end = consumer.get_watermark_offsets(KafkaPartition(_HOP, 0), timeout=10)
    consumer.assign([KafkaPartition(_HOP, 0, end)])
    consumer.poll(0.5)
    hop = [_timed(lambda: _hop(plain, consumer)) for _ in range(count)]
    transaction = [_timed(lambda: _transaction(transactional, consumer)) for _ in range(count)]
    command = ("bwrap", "--ro-bind", "/", "/", "--unshare-pid", "true")
    spawn = [_timed(lambda: subprocess.run(command, check=True)) for _ in range(max(3, count // 5))]
    consumer.close()
    parts = ((hop, PLAIN_HOPS), (transaction, TRANSACTIONS), (spawn, SPAWNS))
    return 1000 * sum(quantile(times, 0.5) * number for times, number in parts)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _hop(producer: Producer, consumer: Consumer) -> None:
    producer.produce(_HOP, b"x" * 500, partition=0)
    producer.flush()
    _take(consumer)


def _transaction(producer: Producer, consumer: Consumer) -> None:
    producer.begin_transaction()
    producer.produce(_HOP, b"x" * 500, partition=0)
    producer.commit_transaction(30)
    _take(consumer)


def _take(consumer: Consumer) -> None:
    while consumer.poll(1.0) is None:
        pass
