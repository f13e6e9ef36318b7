"""The raw hops that a way through the platform can't do without, timed with bare clients: the limit of a latency."""

import subprocess
import time
from collections.abc import Callable

from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from core.eventlog.topics import TopicSpec
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection as Kafka
from infra.kafka.producer import producer_config
from tests.benchmarks.measure import quantile

_TOPIC = "raw-hop"


class Hops:
    """`plain` produce -> consume, `transactions` of one record -> consume, `spawns` of a sandbox (bwrap)."""

    def __init__(self, bootstrap_servers: str, plain: int, transactions: int, spawns: int = 0) -> None:
        self._kafka = Kafka(bootstrap_servers)
        KafkaTopicAdmin(self._kafka).create([TopicSpec(_TOPIC, 1, {})])
        self._plain, self._transactions, self._spawns = plain, transactions, spawns

    def measure(self, count: int) -> float:
        """Milliseconds of all of them together, of the median of so many tries of each."""
        consumer = Consumer(self._kafka.config(_TOPIC, group_id=_TOPIC, isolation_level="read_committed"))
        plain = Producer(producer_config(self._kafka, _TOPIC, 10.0, linger_ms=0.5))
        transactional = Producer(
            self._kafka.config(f"{_TOPIC}-t", transactional_id=_TOPIC, retry_backoff_ms=1, retry_backoff_max_ms=5)
        )
        transactional.init_transactions(30)
        _, end = consumer.get_watermark_offsets(KafkaPartition(_TOPIC, 0), timeout=10)
        consumer.assign([KafkaPartition(_TOPIC, 0, end)])
        consumer.poll(0.5)
        hop = _median(lambda: _hop(plain, consumer), count)
        transaction = _median(lambda: _transaction(transactional, consumer), count)
        command = ("bwrap", "--ro-bind", "/", "/", "--unshare-pid", "true")
        spawn = _median(lambda: subprocess.run(command, check=True), max(3, count // 5)) if self._spawns else 0.0
        consumer.close()
        return 1000 * (hop * self._plain + transaction * self._transactions + spawn * self._spawns)


def _median(work: Callable[[], object], count: int) -> float:
    return quantile([_timed(work) for _ in range(count)], 0.5)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _hop(producer: Producer, consumer: Consumer) -> None:
    producer.produce(_TOPIC, b"x" * 500, partition=0)
    producer.flush()
    _take(consumer)


def _transaction(producer: Producer, consumer: Consumer) -> None:
    producer.begin_transaction()
    producer.produce(_TOPIC, b"x" * 500, partition=0)
    producer.commit_transaction(30)
    _take(consumer)


def _take(consumer: Consumer) -> None:
    while consumer.poll(1.0) is None:
        pass
