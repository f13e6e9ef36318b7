"""The fixtures give servers that really work: one produce, one transaction, one query."""

from pathlib import Path

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.servers import shared_kafka


def test_broker_takes_a_transaction_and_shows_it_only_when_committed(fresh_kafka: str, unique_name: str) -> None:
    admin = AdminClient({"bootstrap.servers": fresh_kafka})
    admin.create_topics([NewTopic(unique_name, 1)])[unique_name].result(10)
    producer = Producer({"bootstrap.servers": fresh_kafka, "transactional.id": unique_name})
    producer.init_transactions(20)
    for value, keep in ((b"aborted", False), (b"committed", True)):
        producer.begin_transaction()
        producer.produce(unique_name, value)
        producer.commit_transaction(20) if keep else producer.abort_transaction(20)

    consumer = Consumer(
        {"bootstrap.servers": fresh_kafka, "group.id": unique_name, "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition(unique_name, 0, 0)])
    message = consumer.poll(20)
    consumer.close()

    assert message is not None
    assert message.value() == b"committed"


def test_each_test_gets_an_empty_database(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        connection.execute("CREATE TABLE mine (id int)")

    assert tables == (0,)
    assert "/test_" in database_url


def test_shared_broker_is_a_live_one(kafka_template: Path) -> None:
    with shared_kafka(kafka_template) as bootstrap_servers:
        assert len(AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=10).brokers) >= 1
