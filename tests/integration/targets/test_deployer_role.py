"""`sealane deployer` as a process over a real Kafka: its instances outlive it, and `sealane down` ends them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from core.deployments.commands import COMMANDS, ReportTarget
from core.deployments.events import EVENTS, ActionRequested
from core.deployments.target_state import TargetState
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_command, encode_event
from core.eventlog.topics import Topology, commands_topic, events_topic
from core.ports import OutgoingRecord, TopicPartition
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.topics import apply
from infra.objects.filesystem import FilesystemObjects
from tests.support.servers import scratch_directory
from tests.support.sources import ROOT
from tests.support.target_world import PROCESS, ProcessWorld, instance_set

REGION = "us-east"
STREAM = "deployment/us-east-0123456789abcdef"
TOPOLOGY = Topology((REGION,))


class House:
    """A broker with our topics, and the command line over a data directory."""

    def __init__(self, kafka: str, root: Path) -> None:
        self.world = ProcessWorld(root)
        self.data = root / "data"
        self.world.objects = FilesystemObjects(self.data / "objects")
        self._connection = Connection(kafka)
        apply(
            KafkaTopicAdmin(self._connection, replication_factor=1, min_insync_replicas=1, topology=TOPOLOGY),
            TOPOLOGY.topic_specs(),
        )
        self.environment = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "SEALANE_DATA_DIR": str(self.data),
            "SEALANE_REGIONS": REGION,
            "SEALANE_METRICS_PORT": "0",
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = (sys.executable, "-m", "infra.command", "deployer", "--region", REGION)
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code, self.process = self.process.wait(60), None
        return code

    def sealane(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = (sys.executable, "-m", "infra.command", *arguments)
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def ask(self, action: int, wish: TargetState) -> None:
        asked = ActionRequested(
            app="shop",
            environment="production",
            region=REGION,
            epoch=1,
            action=action,
            step=0,
            wish=wish,
            target=PROCESS,
            answer_by=datetime.now(UTC) + timedelta(minutes=2),
        )
        event = EventEnvelope(
            event_id=f"00000000-0000-5000-8000-{action:012}",
            type=asked.TYPE,
            schema_version=1,
            stream=STREAM,
            stream_version=action,
            recorded_at=datetime.now(UTC),
            region=REGION,
            actor="test",
            correlation_id="0" * 32,
            causation_id="test",
            chain="",
            data=EVENTS.encode(asked),
        )
        producer = KafkaProducer(self._connection, "test")
        record = OutgoingRecord(events_topic("deployments"), 0, STREAM.encode(), encode_event(event))
        producer.send_all([record])
        producer.close()

    def report(self, action: int) -> ReportTarget:
        found: list[ReportTarget] = []

        def there() -> bool:
            found[:] = [each for each in self._reports() if each.action == action]
            return bool(found)

        until(there)
        return found[0]

    def _reports(self) -> list[ReportTarget]:
        reader = KafkaLogReader(self._connection, "test")
        reader.assign({TopicPartition(commands_topic("deployments"), 0): 0})
        records = reader.poll(1000, 1.0)
        reader.close()
        commands = [decode_command(record.value or b"") for record in records]
        decoded = [COMMANDS.decode(each.type, each.schema_version, each.data) for each in commands]
        return [each for each in decoded if isinstance(each, ReportTarget)]


@pytest.fixture
def house(fresh_kafka: str) -> Iterator[House]:
    with scratch_directory() as root:
        made = House(fresh_kafka, root)
        try:
            yield made
        finally:
            if made.process is not None:
                made.end(signal.SIGKILL)
            made.sealane("down")


def test_instances_outlive_their_deployer_and_end_with_the_platform(house: House) -> None:
    v1, v2 = house.world.packed_release("v1"), house.world.packed_release("v2")
    house.start()
    house.ask(1, TargetState(sets=(instance_set(v1, 2),)))
    report = house.report(1)
    assert report.ok, report
    address = report.status.address
    assert served(address) == "v1"

    house.end(signal.SIGKILL)
    assert served(address) == "v1"

    house.ask(2, TargetState(sets=(instance_set(v2),)))
    house.start()
    assert house.report(2).ok
    assert house.end(signal.SIGTERM) == 0
    assert served(address) == "v2"

    assert house.sealane("down").stdout.strip() == "stopped"
    assert served(address) == "nothing"

    house.start()
    until(lambda: served(address) == "v2")


def test_unknown_region_is_refused(house: House) -> None:
    refused = house.sealane("deployer", "--region", "mars")

    assert refused.returncode == 4
    assert "region 'mars' is none of SEALANE_REGIONS (us-east)" in refused.stderr


def served(address: str) -> str:
    """The release that answers."""
    try:
        answer = httpx.get(address, timeout=5, trust_env=False)
    except httpx.ConnectError:
        return "nothing"
    return str(answer.json()["RELEASE"]) if answer.is_success else f"status {answer.status_code}"


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)
