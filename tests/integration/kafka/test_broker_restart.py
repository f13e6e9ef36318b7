"""What becomes of an open transaction when its only broker is killed and started again."""

import shutil
from pathlib import Path

import pytest

from core.eventlog.topics import TopicSpec
from core.ports import Fenced, LogUnavailable, OutgoingRecord, TopicPartition
from infra.embedded import kafka
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.topics import apply
from infra.kafka.transactions import KafkaTransactionalProducer
from tests.support.servers import TEST_BROKER, scratch_directory

WHERE = TopicPartition("work", 0)


def write(producer: KafkaTransactionalProducer, consumer: KafkaGroupConsumer, offset: int) -> None:
    producer.begin()
    producer.send(OutgoingRecord(*WHERE, b"key", b"value", ()))
    producer.send_offsets({WHERE: offset}, consumer.group_metadata())
    producer.commit()


@pytest.mark.timeout(120)
def test_transaction_over_a_restart_ends_or_is_given_up_and_the_next_producer_gets_through(
    kafka_template: Path,
) -> None:
    with scratch_directory() as folder:
        shutil.copytree(kafka_template / "log", folder / "log")
        broker = kafka.start(folder, settings=TEST_BROKER)
        try:
            connection = Connection(broker.bootstrap_servers)
            apply(KafkaTopicAdmin(connection), [TopicSpec("work", 1, {})])
            consumer = KafkaGroupConsumer(connection, "workers")
            consumer.subscribe(("work",), *(3 * (lambda partitions: None,)))
            consumer.poll(1, 2.0)
            producer = KafkaTransactionalProducer(connection, "worker")
            write(producer, consumer, 0)
            producer.begin()
            producer.send(OutgoingRecord(*WHERE, b"key", b"value", ()))
            broker.kill()
            broker = kafka.start(folder, int(broker.bootstrap_servers.split(":")[1]), settings=TEST_BROKER)
            try:
                producer.send_offsets({WHERE: 1}, consumer.group_metadata())
                producer.commit()
            except (Fenced, LogUnavailable):
                producer.close()
            successor = KafkaTransactionalProducer(connection, "worker")
            write(successor, consumer, 2)
            assert consumer.committed([WHERE]) == {WHERE: 2}
            successor.close()
            consumer.close()
        finally:
            broker.kill()
