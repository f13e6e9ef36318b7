"""Row 8: kill -9 of all processors with many active runs, to the next decision, beside a raw consumer's takeover."""

import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.eventlog.routing import decode_event
from core.eventlog.topics import TopicSpec, events_topic
from core.ports import OutgoingRecord, TopicPartition
from core.runs.commands import ApproveStage
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from tests.benchmarks import direct
from tests.benchmarks.counters import produce, stored
from tests.benchmarks.house import Database, House, house
from tests.benchmarks.measure import Bench, Line, Row, expect

GOAL_RATIO = 2.0
_RAW = "raw-takeover"
_EVENTS = TopicPartition(events_topic("runs"), 0)
_ROOT = Path(__file__).parents[2]


def measure(bench: Bench) -> Row:
    runs = bench.size(10_000, 50)
    ours: list[float] = []
    raw: list[float] = []
    with house() as place:
        kafka = Connection(place.settings.kafka_bootstrap_servers)
        KafkaTopicAdmin(kafka).create([TopicSpec(_RAW, 1, {})])
        with bench.step(f"row 8: {runs:,} active runs"):
            produce(kafka, direct.active_runs(place.settings.topology, range(runs)))
            place.wait_until(lambda database: _active(database) == runs, 300)
        restart = Restart(place, kafka)
        for repetition in range(bench.repetitions):
            with bench.step(f"row 8: repetition {repetition + 1} of {bench.repetitions}"):
                ours.append(restart.processor(repetition))
                raw.append(restart.raw())
        check = restart.check(bench.repetitions)
    return Row(
        8,
        "Restart: kill -9 of all processors and start of new ones, to the next decision",
        "a raw group consumer, killed and started again in the same way, to the next record it gets",
        [Line(f"with {runs:,} active runs", "s", ours, raw, GOAL_RATIO, lower=True)],
        [check],
    )


class Restart:
    """Both are killed with kill -9 and started at once by the same means."""

    def __init__(self, place: House, kafka: Connection) -> None:
        self._place = place
        self._kafka = kafka
        self._producer = KafkaProducer(kafka, "bench")
        self._commands: list[str] = []

    def processor(self, number: int) -> float:
        reader = KafkaLogReader(self._kafka, "bench-next")
        reader.assign({_EVENTS: reader.bounds(_EVENTS)[1]})
        command_id = f"approve-{secrets.token_hex(8)}"
        command = ApproveStage(stage="gate", by=f"person-{number}")
        record = direct.record(self._place.settings.topology, direct.run_name(number), command, command_id)
        started = time.perf_counter()
        self._place.kill("processor-1")
        self._place.restart("processor-1")
        self._producer.send_all([record])
        self._commands.append(command_id)
        _until(
            lambda: any(decode_event(each.value or b"").causation_id == command_id for each in reader.poll(100, 0.5))
        )
        seconds = time.perf_counter() - started
        reader.close()
        return seconds

    def raw(self) -> float:
        first, word = self._taker(), secrets.token_hex(8)
        self._say(word)
        _until(lambda: _line(first) == word)
        word = secrets.token_hex(8)
        started = time.perf_counter()
        first.kill()
        first.wait()
        second = self._taker()
        self._say(word)
        _until(lambda: _line(second) == word)
        seconds = time.perf_counter() - started
        second.kill()
        second.wait()
        return seconds

    def check(self, count: int) -> str:
        """Every command that waited during a restart was decided, once."""
        causes = [decode_event(value).causation_id for value in stored(self._kafka, _EVENTS)]
        times = [causes.count(command) for command in self._commands]
        expect(times == [1] * count, f"decisions per command: {times}")
        self._producer.close()
        return f"{count} commands sent while no processor lived: each decided once"

    def _taker(self) -> "subprocess.Popen[str]":
        command = (sys.executable, "-m", "tests.benchmarks.raw_taker", self._kafka.bootstrap, _RAW)
        return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)

    def _say(self, word: str) -> None:
        self._producer.send_all([OutgoingRecord(_RAW, 0, b"", word.encode())])


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _active(database: Database) -> int:
    found = database.execute("SELECT count(*) FROM runs WHERE state = 'running'").fetchone()
    return int(found[0]) if found else 0


def _until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, f"nothing came for {seconds:g} s")
