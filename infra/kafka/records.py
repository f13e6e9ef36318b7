"""confluent-kafka's messages as the ports' records."""

from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message
from confluent_kafka import TopicPartition as KafkaPartition

from core.ports import Fenced, LogUnavailable, Record, TopicPartition
from infra.kafka.connection import CLIENT_ERRORS, is_fencing, log, translate

_MISSING: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
)
_REFUSED: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})
_GONE: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})


def take(consumer: Consumer, max_records: int, timeout_seconds: float) -> list[Message]:
    """What is there, at most `max_records`; waits only for the first one (consume() alone would wait for all)."""
    try:
        first = consumer.poll(timeout_seconds)
        if first is None:
            return []
        rest = consumer.consume(max_records - 1, 0) if max_records > 1 else []
    except CLIENT_ERRORS as error:
        translate(error, "reading from Kafka")
    rest.insert(0, first)
    return rest


def to_record(message: Any) -> Record:
    headers = message.headers()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        tuple(headers) if headers else (),
        message.timestamp()[1],
    )


def raise_or_log(error: KafkaError, message: Any) -> None:
    """An error event of a consumer: what can't heal by itself is raised, the rest is librdkafka's to retry."""
    where = f"{message.topic()}:{message.partition()}"
    if error.code() in _MISSING:
        raise LogUnavailable(f"{where} does not exist; create it with `sealane topics apply` ({error.name()})")
    if error.code() in _GONE:
        raise LogUnavailable(f"{where} has no record at the wanted offset any more: {error.str()}")
    if error.code() in _REFUSED:
        raise LogUnavailable(f"{where}: {error.str()} ({error.name()})")
    if is_fencing(error):
        raise Fenced(f"{where}: {error.str()} ({error.name()})")
    log.info("kafka client event at %s: %s (%s)", where, error.str(), error.name())


def kafka_partitions(partitions: Iterable[TopicPartition]) -> list[KafkaPartition]:
    return [KafkaPartition(topic, partition) for topic, partition in partitions]


def port_partitions(partitions: Iterable[KafkaPartition]) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(item.topic, item.partition) for item in partitions)
