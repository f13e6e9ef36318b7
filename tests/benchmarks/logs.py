"""Row 6: log lines/s from an agent over Kafka to a viewer and into the archive, and how late a line is seen."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition

from core.eventlog.topics import LOGS_TOPIC, TopicSpec
from core.ports import OutgoingRecord, TopicPartition
from core.protocol.logs import decode_chunk
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection as Kafka
from infra.kafka.producer import KafkaProducer
from tests.benchmarks.counters import stored
from tests.benchmarks.house import REGION, House, house
from tests.benchmarks.measure import Bench, Line, Row, expect, quantile
from tests.benchmarks.pushes import Line as Connection
from tests.benchmarks.pushes import Sender
from tests.benchmarks.writing_agent import LINE_BYTES, WritingAgent

GOAL_RATIO, GOAL_PER_SECOND, GOAL_P99_MS = 0.5, 100_000, 200.0
CHUNK_LINES = 200
STEADY_PER_SECOND = 2000
_RAW = "raw-logs"
_PIPELINE = "stages: [{name: build, steps: [{name: write, run: 'true'}]}]\n"
_SEEN = re.compile(rb'id: (\d+)\nevent: line\ndata: [^\n]*"text":"(\d{19})')


class Seen(NamedTuple):
    """What a viewer got: when each piece came, and the piece."""

    at: list[float]
    pieces: list[bytes]


def measure(bench: Bench) -> Row:
    lines, steady = bench.size(200_000, 2000), bench.size(5 * STEADY_PER_SECOND, STEADY_PER_SECOND // 2)
    viewed: list[float] = []
    archived: list[float] = []
    raw: list[float] = []
    late: list[float] = []
    with house() as place:
        kafka = Kafka(place.settings.kafka_bootstrap_servers)
        KafkaTopicAdmin(kafka).create([TopicSpec(_RAW, 1, {})])
        work = Logs(place)
        for repetition in range(bench.repetitions + 1):
            with bench.step(f"row 6: repetition {repetition} of {bench.repetitions} (0 warms up)"):
                seen, archive = asyncio.run(work.once(lines, 0.0))
                limit = _raw(kafka, _chunks(kafka)[-(lines // CHUNK_LINES) :], lines)
                slow, _ = asyncio.run(work.once(steady, 20 / STEADY_PER_SECOND, 20))
            if repetition:
                viewed.append(_speed(seen, lines))
                archived.append(archive)
                raw.append(limit)
                late.append(quantile(_delays(slow, steady), 0.99) * 1000)
        check = work.check()
    return Row(
        6,
        "Logs: lines/s agent -> gateway -> Kafka -> viewer and archive",
        f"raw produce (acks=all) and consume of the same chunks of {CHUNK_LINES} lines of {LINE_BYTES} bytes",
        [
            Line("lines seen by a viewer (SSE)", "lines/s", viewed, raw, GOAL_RATIO),
            Line("lines in the archive", "lines/s", archived, raw, GOAL_RATIO),
            Line("lines seen, against the absolute goal", "lines/s", viewed, (), GOAL_PER_SECOND, True),
            Line(
                f"p99 delay at {STEADY_PER_SECOND:,} lines/s in chunks of 20", "ms", late, (), GOAL_P99_MS, True, True
            ),
        ],
        [check],
    )


class Logs:
    """One repository, one job at a time."""

    def __init__(self, place: House) -> None:
        self._place = place
        commit = place.repository("origin", _PIPELINE)
        url = place.git_url("origin")
        self._sender = Sender(place.settings.port, url, place.forge_app("logs", url), commit)
        self._lines: dict[str, int] = {}

    async def once(self, lines: int, pause: float, per_chunk: int = CHUNK_LINES) -> tuple[Seen, float]:
        """What the viewer saw, and lines/s into the archive."""
        port, key = self._place.settings.port, self._place.installation.key
        agent = WritingAgent(REGION)
        connected = asyncio.create_task(agent.run(f"ws://127.0.0.1:{port}/agent/v1/connect", key.agent_token(REGION)))
        if not self._lines:
            # The push that made the repository asked for a run too.
            await agent.write(await agent.job(), 1, 1, lambda _: 0.0)
        line = await Connection.open(port)
        await line.post(self._sender.push())
        offer = await agent.job()
        attempt = offer.spec.attempt_key
        viewer = await self._viewer(attempt)
        started = time.perf_counter()
        await agent.write(offer, lines, per_chunk, lambda _: pause)
        seen = await viewer
        archive = await asyncio.to_thread(self._archived, attempt, started)
        connected.cancel()
        line.close()
        self._lines[attempt] = lines
        seen.at.insert(0, started)
        return seen, lines / archive

    async def _viewer(self, attempt: str) -> "asyncio.Task[Seen]":
        run, job, number = attempt.split("/")
        path = f"/api/v1/runs/{run}/jobs/{job}/attempts/{number}/log/stream"
        await asyncio.to_thread(self._place.await_answer, path.removesuffix("/stream"))
        reader, writer = await asyncio.open_connection("127.0.0.1", self._place.settings.port, limit=64 << 20)
        token = self._place.installation.key.admin_token
        writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        expect(b" 200 " in head.split(b"\r\n")[0], f"{head!r}")
        return asyncio.create_task(_read(reader, writer))

    def _archived(self, attempt: str, started: float) -> float:
        """Seconds until the last segment is in the archive."""
        statement = b"SELECT 1 FROM log_segments WHERE attempt_key = %s AND last"
        self._place.wait_until(lambda database: database.execute(statement, (attempt,)).fetchone() is not None)
        return time.perf_counter() - started

    def check(self) -> str:
        """Every line of every job is in the archive, as text, in order."""
        total = 0
        for attempt, lines in self._lines.items():
            run, job, number = attempt.split("/")
            text = self._place.api.get(f"/api/v1/runs/{run}/jobs/{job}/attempts/{number}/log").content
            numbers = [int(each[25:33]) for each in text.splitlines()]
            expect(numbers == list(range(lines)), f"{len(numbers)} of {lines} lines of {attempt}, or in another order")
            total += lines
        return f"{total:,} lines of {len(self._lines)} jobs: each seen by the viewer and kept in the archive, in order"


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Seen:
    """All until the stream ends. `writer` lives as long: the connection is closed with it."""
    seen = Seen([], [])
    while piece := await reader.read(1 << 20):
        seen.at.append(time.perf_counter())
        seen.pieces.append(piece)
    writer.close()
    return seen


def _speed(seen: Seen, lines: int) -> float:
    found = [int(number) for number, _ in _SEEN.findall(b"".join(seen.pieces))]
    expect(found == list(range(lines)), f"the viewer saw {len(found)} of {lines} lines, or in another order")
    return lines / (seen.at[-1] - seen.at[0])


def _delays(seen: Seen, lines: int) -> list[float]:
    """Seconds from writing a line to the piece that completes it."""
    offset = time.time() - time.perf_counter()
    delays: list[float] = []
    whole, place = b"".join(seen.pieces), 0
    ends: list[tuple[int, float]] = []
    for at, piece in zip(seen.at[1:], seen.pieces, strict=True):
        place += len(piece)
        ends.append((place, at))
    current = 0
    for match in _SEEN.finditer(whole):
        while ends[current][0] < match.end():
            current += 1
        delays.append(ends[current][1] + offset - int(match[2]) / 1e9)
    expect(len(delays) == lines, f"the viewer saw {len(delays)} of {lines} lines")
    return delays


def _chunks(kafka: Kafka) -> list[bytes]:
    return [value for value in stored(kafka, TopicPartition(LOGS_TOPIC, 0)) if len(decode_chunk(value).lines) > 20]


def _raw(kafka: Kafka, chunks: Sequence[bytes], lines: int) -> float:
    producer = KafkaProducer(kafka, "raw")
    consumer = Consumer(kafka.config("raw-logs", group_id="raw-logs"))
    _, end = consumer.get_watermark_offsets(KafkaPartition(_RAW, 0), timeout=10)
    consumer.assign([KafkaPartition(_RAW, 0, end)])
    started = time.perf_counter()
    producer.send_all([OutgoingRecord(_RAW, 0, b"raw", chunk) for chunk in chunks])
    left = len(chunks)
    while left:
        left -= len(consumer.consume(left, 0.1))
    seconds = time.perf_counter() - started
    consumer.close()
    producer.close()
    return lines / seconds
