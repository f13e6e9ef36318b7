"""The embedded cluster: several brokers that are one, and stay one from start to start."""

import subprocess
from pathlib import Path

from confluent_kafka.admin import AdminClient

from core.eventlog.topics import TopicSpec
from core.ports import OutgoingRecord, TopicPartition
from infra.embedded.kafka_cluster import PreparedCluster, prepare_cluster
from infra.embedded.process import kill, spawn, wait_ready
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.cluster_admin import racks_of_brokers
from infra.kafka.connection import Connection
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from tests.support.counter_log import wait_for
from tests.support.servers import TEST_BROKER, scratch_directory

RACKS = ("us-east", "eu-west", "ap-south")
WHERE = TopicPartition("sealane.kept", 0)


def start(prepared: PreparedCluster) -> "list[subprocess.Popen[bytes]]":
    processes = [spawn(spec) for spec in prepared.specs]
    for process, spec in zip(processes, prepared.specs, strict=True):
        wait_ready(process, spec)
    return processes


def started(folder: Path) -> "tuple[Connection, list[subprocess.Popen[bytes]]]":
    prepared = prepare_cluster(folder, RACKS, settings=TEST_BROKER)
    assert [spec.name for spec in prepared.specs] == [f"kafka-{rack}" for rack in RACKS]
    return Connection(prepared.bootstrap_servers), start(prepared)


def test_killed_cluster_comes_back_on_other_ports_with_all_it_had() -> None:
    with scratch_directory() as folder:
        processes: list[subprocess.Popen[bytes]] = []
        try:
            before, processes = started(folder)
            assert racks_of_brokers(AdminClient(before.config("test"))) == dict(enumerate(RACKS, 1))
            admin = KafkaTopicAdmin(before, replication_factor=3, min_insync_replicas=2)
            admin.create([TopicSpec(WHERE.topic, 1, {})])
            KafkaProducer(before).send_all([OutgoingRecord(*WHERE, b"k", b"kept")])
            for process in processes:
                kill(process)

            after, processes = started(folder)
            assert after.bootstrap != before.bootstrap
            reader = KafkaLogReader(after, "test")
            reader.assign({WHERE: 0})
            found: list[bytes | None] = []

            def read() -> bool:
                found.extend(record.value for record in reader.poll(10, 1))
                return bool(found)

            wait_for(read, 30)
            assert found == [b"kept"]
            reader.close()
        finally:
            for process in processes:
                kill(process)
