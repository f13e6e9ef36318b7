"""Row 4: verified, durable deliveries/s through the webhook endpoint, and the wait of a delivery at 500/s."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.delivery import decode_delivery
from core.eventlog.topics import WEBHOOKS_TOPIC
from core.ports import TopicPartition
from infra.embedded.ports import choose_port
from infra.kafka.connection import Connection as Kafka
from tests.benchmarks.counters import stored
from tests.benchmarks.house import House, house
from tests.benchmarks.measure import Bench, Line, Row, expect, quantile
from tests.benchmarks.pushes import Line as Connection
from tests.benchmarks.pushes import Push, Sender

GOAL_RATIO = 0.8
GOAL_P99_MS = 50.0
PER_SECOND = 500
_CONNECTIONS = 32
_ROOT = Path(__file__).parents[2]


def measure(bench: Bench) -> Row:
    """The worker is stopped: what becomes of a delivery is row 7's matter."""
    count, seconds = bench.size(5000, 100), bench.size(10, 1)
    ours: list[float] = []
    raw: list[float] = []
    waits: list[float] = []
    with house() as place:
        sender = _prepared(place)
        place.kill("worker")
        with _bare(place, sender.secret) as bare:
            sent: list[Push] = []
            for repetition in range(bench.repetitions + 1):
                with bench.step(f"row 4: repetition {repetition} of {bench.repetitions} (0 warms up)"):
                    limit = asyncio.run(_flood(bare.port, [bare.push() for _ in range(count)]))
                    pushes = [sender.push() for _ in range(count)]
                    figure = asyncio.run(_flood(place.settings.port, pushes))
                sent += pushes
                if repetition:
                    ours.append(figure)
                    raw.append(limit)
        with bench.step(f"row 4: {PER_SECOND}/s for {bench.repetitions} times {seconds} s"):
            for _ in range(bench.repetitions):
                pushes = [sender.push() for _ in range(PER_SECOND * seconds)]
                waits.append(quantile(asyncio.run(_steady(place.settings.port, pushes)), 0.99) * 1000)
                sent += pushes
        check = _check(place, sent)
    return Row(
        4,
        "Webhook ingress: verified, durable deliveries/s",
        "a bare ASGI endpoint on the same HTTP server that checks the HMAC and awaits one acks=all produce; "
        f"{_CONNECTIONS} kept connections for both",
        [
            Line("signed GitHub pushes accepted", "deliveries/s", ours, raw, GOAL_RATIO),
            Line(f"p99 of a delivery at {PER_SECOND}/s", "ms", waits, (), GOAL_P99_MS, True, True),
        ],
        [check],
    )


def _prepared(place: House) -> Sender:
    url = "https://forge.example/acme/shop.git"
    return Sender(place.settings.port, url, place.forge_app("shop", url), "c" * 40)


@contextmanager
def _bare(place: House, secret: str) -> Iterator[Sender]:
    port = choose_port(0, "the bare endpoint")
    bootstrap = place.settings.kafka_bootstrap_servers
    command = (sys.executable, "-m", "tests.benchmarks.bare_ingress", bootstrap, str(port), secret)
    process = subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield Sender(port, "https://bare.example/acme/shop.git", secret, "c" * 40)
    finally:
        process.kill()
        process.wait()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            asyncio.run(_knock(port))
            return
        except OSError:
            expect(time.monotonic() < deadline, "the bare endpoint does not start")
            time.sleep(0.05)


async def _knock(port: int) -> None:
    (await Connection.open(port)).close()


async def _flood(port: int, pushes: Sequence[Push]) -> float:
    """Deliveries/s with every connection busy all the time."""
    lines = [await Connection.open(port) for _ in range(_CONNECTIONS)]
    waiting = iter(pushes)

    async def work(line: Connection) -> None:
        for push in waiting:
            await line.post(push)

    started = time.perf_counter()
    await asyncio.gather(*map(work, lines))
    seconds = time.perf_counter() - started
    for line in lines:
        line.close()
    return len(pushes) / seconds


async def _steady(port: int, pushes: Sequence[Push]) -> list[float]:
    """Seconds from when each was due at PER_SECOND to its answer: a late start counts as waiting."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(2 * _CONNECTIONS):
        free.put_nowait(await Connection.open(port))
    waits: list[float] = []

    async def deliver(push: Push, due: float) -> None:
        line = await free.get()
        await line.post(push)
        waits.append(time.perf_counter() - due)
        free.put_nowait(line)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for index, push in enumerate(pushes):
            due = started + index / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(deliver(push, due))
    while not free.empty():
        free.get_nowait().close()
    return waits


def _check(place: House, sent: Sequence[Push]) -> str:
    """Each accepted delivery is in the log, once."""
    values = stored(Kafka(place.settings.kafka_bootstrap_servers), TopicPartition(WEBHOOKS_TOPIC, 0))
    # What the bare endpoint wrote has no envelope.
    ids = [decode_delivery(value).delivery_id for value in values if value.startswith(b'{"delivery_id"')]
    wanted = {push.delivery_id for push in sent}
    expect(len(ids) == len(set(ids)) == len(wanted) and set(ids) == wanted, f"{len(ids)} of {len(wanted)} in the log")
    return f"{len(wanted):,} answers of 202, as many deliveries in the log, each once"
