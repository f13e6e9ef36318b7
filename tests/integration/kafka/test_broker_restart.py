"""What becomes of clients whose only broker is killed and started again."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.eventlog.envelope import Position
from core.eventlog.topics import TopicSpec
from core.ports import Fenced, LogUnavailable, OutgoingRecord, TopicPartition
from infra.clock import SystemClock
from infra.embedded import kafka
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.async_producer import KafkaAsyncProducer
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.topics import apply
from infra.kafka.transactions import KafkaTransactionalProducer
from processors.log_range import LogRange
from tests.support.counter_log import wait_for
from tests.support.servers import TEST_BROKER, scratch_directory

WHERE = TopicPartition("work", 0)


def write(producer: KafkaTransactionalProducer, consumer: KafkaGroupConsumer, offset: int) -> None:
    producer.begin()
    producer.send(OutgoingRecord(*WHERE, b"key", b"value", ()))
    producer.send_offsets({WHERE: offset}, consumer.group_metadata())
    producer.commit()


class Broker:
    """One broker of one's own that can be killed and started again on its port, with a topic `work`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = kafka.start(folder, settings=TEST_BROKER)
        self.connection = Connection(self._server.bootstrap_servers)
        apply(KafkaTopicAdmin(self.connection), [TopicSpec(WHERE.topic, 1, {})])

    def restart(self) -> None:
        self._server.kill()
        self._server = kafka.start(self._folder, int(self.connection.bootstrap.split(":")[1]), settings=TEST_BROKER)

    def kill(self) -> None:
        self._server.kill()


@pytest.fixture
def broker(kafka_template: Path) -> Iterator[Broker]:
    with scratch_directory() as folder:
        shutil.copytree(kafka_template / "log", folder / "log")
        started = Broker(folder)
        try:
            yield started
        finally:
            started.kill()


@pytest.mark.timeout(120)
def test_transaction_over_a_restart_ends_or_is_given_up_and_the_next_producer_gets_through(broker: Broker) -> None:
    consumer = KafkaGroupConsumer(broker.connection, "workers")
    consumer.subscribe((WHERE.topic,), *(3 * (lambda partitions: None,)))
    consumer.poll(1, 2.0)
    producer = KafkaTransactionalProducer(broker.connection, "worker")
    write(producer, consumer, 0)
    producer.begin()
    producer.send(OutgoingRecord(*WHERE, b"key", b"value", ()))
    broker.restart()
    try:
        producer.send_offsets({WHERE: 1}, consumer.group_metadata())
        producer.commit()
    except (Fenced, LogUnavailable):
        producer.close()
    successor = KafkaTransactionalProducer(broker.connection, "worker")
    write(successor, consumer, 2)
    assert consumer.committed([WHERE]) == {WHERE: 2}
    successor.close()
    consumer.close()


def test_reading_of_ranges_goes_on_after_a_restart(broker: Broker) -> None:
    reader = LogRange(lambda: KafkaLogReader(broker.connection, settled=True), SystemClock(), 30.0)
    producer = KafkaTransactionalProducer(broker.connection, "writer")
    producer.begin()
    producer.send(OutgoingRecord(*WHERE, b"key", b"value", ()))
    producer.commit()
    before = reader.bounds(WHERE)
    broker.restart()

    def answers() -> bool:
        try:
            reader.bounds(WHERE)
        except LogUnavailable:
            return False
        return True

    wait_for(answers, 30)
    # A broker that was killed soon after a commit may write the transaction's marker once more.
    assert before <= reader.bounds(WHERE) <= (before[0], before[1] + 1)
    reader.close()


@pytest.mark.parametrize(("timeout_seconds", "given_up"), [(3.0, True), (None, False)])
async def test_records_sent_while_the_broker_is_away_are_given_up_or_written_in_order(
    broker: Broker, timeout_seconds: float | None, given_up: bool
) -> None:
    producer = KafkaAsyncProducer(broker.connection, "gateway", timeout_seconds=timeout_seconds)
    await producer.send(OutgoingRecord(*WHERE, b"key", b"0", ()))
    broker.kill()
    sent = [producer.send(OutgoingRecord(*WHERE, b"key", b"%d" % number, ())) for number in range(1, 4)]
    waiting = asyncio.gather(*sent, return_exceptions=True)
    if given_up:
        await waiting
    await asyncio.to_thread(broker.restart)
    outcomes = await waiting
    await producer.close()
    assert [isinstance(outcome, LogUnavailable) for outcome in outcomes] == 3 * [given_up]
    if not given_up:
        assert [outcome.offset for outcome in outcomes if isinstance(outcome, Position)] == [1, 2, 3]
