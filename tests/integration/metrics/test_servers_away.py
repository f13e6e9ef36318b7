"""Metrics of an installation whose servers can't be reached."""

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from core.ports import LogUnavailable, TopicPartition
from infra.kafka.connection import Connection
from infra.kafka.lag import KafkaLag
from infra.metrics.worker import LogCollector
from infra.postgres.gauges import view_facts

NOBODY_THERE = Connection("127.0.0.1:1")
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
WHERE = TopicPartition("sealane.runs.commands", 0)


def test_log_that_is_away_is_said_so() -> None:
    lag = KafkaLag(NOBODY_THERE)
    with pytest.raises(LogUnavailable):
        lag.ends([WHERE])
    with pytest.raises(LogUnavailable):
        lag.committed({"sealane-x": [WHERE]})


def test_views_that_are_away_are_said_so() -> None:
    with pytest.raises(psycopg.OperationalError):
        view_facts(NO_DATABASE)()


def test_servers_that_are_away_are_a_metric_and_no_error() -> None:
    registry = CollectorRegistry()
    registry.register(LogCollector(lambda: KafkaLag(NOBODY_THERE), {"sealane-x": [WHERE]}, view_facts(NO_DATABASE)))
    assert registry.get_sample_value("sealane_kafka_up") == 0
    assert registry.get_sample_value("sealane_postgres_up") == 0
