"""The loop of the connectors over a log in memory: order, repetition, retries, and what is committed when."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from agents.connectors.base import ATTEMPTS, Connector, Later, Result, Work
from agents.connectors.ingest import Ingest
from agents.connectors.metrics import ConnectorMetrics
from core.catalog.commands import APP_COMMANDS, IgnoreDelivery, SubmitTrigger
from core.delivery import Delivery, encode_delivery
from core.eventlog.routing import decode_command
from core.eventlog.topics import DEAD_LETTERS_TOPIC, WEBHOOKS_TOPIC, Topology, commands_topic
from core.ports import LogUnavailable, OutgoingRecord, Record, TopicPartition
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import Call, MemoryLog
from infra.memory.producer import MemoryProducer
from infra.memory.reader import MemoryLogReader
from tests.support.forge_payloads import samples as s
from tests.support.forge_payloads.samples import Sample

TOPOLOGY = Topology(("us-east",))
WEBHOOKS = TopicPartition(WEBHOOKS_TOPIC, 0)


class World:
    """A log, and one connector on it that can be started, waited for and stopped."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.log.on_idle = lambda seconds: time.sleep(0.001)
        for spec in TOPOLOGY.topic_specs():
            self.log.create(spec)
        self.producer = MemoryProducer(self.log, "outside")
        self.metrics = ConnectorMetrics()

    def put(self, value: bytes, key: str = "k") -> None:
        self.producer.send_all([OutgoingRecord(WEBHOOKS_TOPIC, 0, key.encode(), value)])

    def records(self, topic: str) -> list[Record]:
        reader = MemoryLogReader(self.log)
        reader.assign({TopicPartition(topic, 0): 0})
        return reader.poll(1000, 0)

    def run(self, handler: object, until: Callable[[], bool], threads: int = 2, max_open_bytes: int = 1 << 20) -> None:
        """Run the connector until the condition holds, then let it stop."""
        connector = Connector(
            handler=handler,  # type: ignore[arg-type]
            consumer=lambda: MemoryGroupConsumer(self.log, "group"),
            producer=MemoryProducer(self.log, "connector"),
            metrics=self.metrics,
            threads=threads,
            max_open_bytes=max_open_bytes,
        )
        stop = threading.Event()
        thread = threading.Thread(target=connector.run, args=(stop,))
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not until() and time.monotonic() < deadline:
                time.sleep(0.005)
        finally:
            stop.set()
            thread.join()
        assert until()

    def committed(self) -> int | None:
        consumer = MemoryGroupConsumer(self.log, "group")
        try:
            return consumer.committed([WEBHOOKS])[WEBHOOKS]
        finally:
            consumer.close()


class Recorder:
    """A handler that does what `act` says and remembers it."""

    name = "recorder"
    topics = (WEBHOOKS_TOPIC,)

    def __init__(self, act: Callable[[str, int], Result]) -> None:
        self._act = act
        self.done: list[str] = []
        self.given_up: list[str] = []

    def work(self, record: Record) -> Work | None:
        text = (record.value or b"").decode()
        if text == "unreadable":
            raise ValueError(text)

        def run(attempt: int) -> Result:
            result = self._act(text, attempt)
            if not isinstance(result, Later):
                self.done.append(text)
            return result

        def give_up(error: Exception) -> Sequence[OutgoingRecord]:
            self.given_up.append(f"{text}: {error}")
            return ()

        return Work((record.key or b"").decode(), run, give_up)


def test_works_of_one_key_stay_in_order_although_the_first_has_to_wait() -> None:
    world = World()
    for text in ("a1", "a2", "b1"):
        world.put(text.encode(), key=text[0])
    recorder = Recorder(lambda text, attempt: Later(0.05) if text == "a1" and attempt < 3 else ())
    world.run(recorder, lambda: len(recorder.done) == 3)
    assert [text for text in recorder.done if text.startswith("a")] == ["a1", "a2"]
    assert recorder.done[0] == "b1"
    assert world.committed() == 3


def test_offset_is_not_committed_past_a_record_that_is_still_open() -> None:
    world = World()
    for text in ("stuck", "free"):
        world.put(text.encode(), key=text)
    recorder = Recorder(lambda text, attempt: Later(0.01) if text == "stuck" else ())
    world.run(recorder, lambda: "free" in recorder.done)
    assert world.committed() in (None, 0)
    again = Recorder(lambda text, attempt: ())
    world.run(again, lambda: len(again.done) == 2)
    assert sorted(again.done) == ["free", "stuck"]


def test_work_that_keeps_failing_is_given_up_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.connectors.base.FIRST_BACKOFF_SECONDS", 0.0)

    def fail(text: str, attempt: int) -> Result:
        raise RuntimeError(f"attempt {attempt}")

    world = World()
    world.put(b"x")
    recorder = Recorder(fail)
    world.run(recorder, lambda: bool(recorder.given_up))
    assert recorder.given_up == [f"x: attempt {ATTEMPTS}"]
    assert world.metrics.registry.get_sample_value("sealane_connector_failures_total", {"connector": "recorder"}) == 5
    assert world.committed() == 1


def test_record_that_can_not_be_read_does_not_stop_the_others() -> None:
    world = World()
    for text in ("unreadable", "fine"):
        world.put(text.encode())
    recorder = Recorder(lambda text, attempt: ())
    world.run(recorder, lambda: recorder.done == ["fine"])
    assert world.committed() == 2


def test_log_that_goes_away_and_comes_back_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.connectors.base.FIRST_BACKOFF_SECONDS", 0.01)
    world = World()
    world.put(delivery(s.github_push()))
    refusals = iter(range(4))

    def sometimes(call: Call) -> None:
        if call.owner == "connector" and call.phase == "before" and next(refusals, None) is not None:
            raise LogUnavailable("no broker")

    world.log.on_call = sometimes
    world.run(Ingest(TOPOLOGY, world.log.clock), lambda: bool(world.records(commands_topic("catalog"))))
    assert len(world.records(commands_topic("catalog"))) == 1
    assert world.committed() == 1


def delivery(sample: Sample, delivery_id: str = "d-1", apps: tuple[str, ...] = ("shop",)) -> bytes:
    return encode_delivery(
        Delivery(
            delivery_id=delivery_id,
            forge=sample.forge,
            event=sample.event,
            apps=apps,
            received_at=datetime(2026, 11, 20, tzinfo=UTC),
            body=sample.body,
            headers={"content-type": "application/json"},
            correlation_id="c" * 32,
        )
    )


def ingested(*values: bytes) -> list[OutgoingRecord]:
    ingest = Ingest(TOPOLOGY, MemoryLog().clock)
    return [
        answer
        for offset, value in enumerate(values)
        for answer in ingest.answers(Record(WEBHOOKS_TOPIC, 0, offset, b"k", value))
    ]


def test_delivery_becomes_a_trigger_for_each_of_its_apps() -> None:
    found = [decode_command(record.value or b"") for record in ingested(delivery(s.github_push(), apps=("a", "b")))]
    assert [command.stream for command in found] == ["app/a", "app/b"]
    assert {command.correlation_id for command in found} == {"c" * 32}
    message = APP_COMMANDS.decode(found[0].type, 1, found[0].data)
    assert isinstance(message, SubmitTrigger)
    assert message.trigger.commit == s.AFTER


def test_delivery_that_comes_twice_makes_the_same_command_ids() -> None:
    first, again, other = (
        decode_command(record.value or b"").command_id
        for record in ingested(delivery(s.github_push()), delivery(s.github_push()), delivery(s.github_push(), "d-2"))
    )
    assert first == again != other


def test_changes_of_one_delivery_have_command_ids_of_their_own() -> None:
    push = s.bitbucket_cloud_push(s.cloud_change("main"), s.cloud_change("old", s.BEFORE, None))
    commands = [decode_command(record.value or b"") for record in ingested(delivery(push))]
    assert len({command.command_id for command in commands}) == 2
    ignored = APP_COMMANDS.decode(commands[1].type, 1, commands[1].data)
    assert isinstance(ignored, IgnoreDelivery)
    assert (ignored.code, ignored.ref) == ("branch-deleted", "refs/heads/old")


def test_delivery_that_can_not_be_understood_is_kept_and_its_app_is_told() -> None:
    letter, command = ingested(delivery(s.github("push", ref="x")))
    assert letter.topic == DEAD_LETTERS_TOPIC
    message = decode_command(command.value or b"")
    ignored = APP_COMMANDS.decode(message.type, 1, message.data)
    assert isinstance(ignored, IgnoreDelivery)
    assert ignored.code == "payload-invalid"


def test_record_that_is_no_delivery_is_kept_as_a_dead_letter() -> None:
    (letter,) = ingested(b"\x00")
    assert letter.topic == DEAD_LETTERS_TOPIC


def test_no_more_is_read_ahead_than_fits_in_memory() -> None:
    world = World()
    for number in range(9):
        world.put(b"0123456789", key=str(number))
    lock, waiting, most = threading.Lock(), 0, 0
    gate = threading.Barrier(3)

    def act(text: str, attempt: int) -> Result:
        nonlocal waiting, most
        with lock:
            waiting += 1
            most = max(most, waiting)
        gate.wait(20)
        with lock:
            waiting -= 1
        return ()

    recorder = Recorder(act)
    world.run(recorder, lambda: len(recorder.done) == 9, threads=9, max_open_bytes=30)

    assert most == 3
