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
    except CLIENT_ERRORS as error:
        translate(error, "reading from Kafka", member=True)
    messages = [first]
    try:
        if max_records > 1:
            messages += consumer.consume(max_records - 1, 0)
    except CLIENT_ERRORS as error:
        log.info("reading on: %s", error)  # The next poll says it again; `first` must not be lost.
    return messages


class DeferredErrors:
    """An error that comes among records is raised by the next poll, so that no record read before it is lost."""

    def __init__(self) -> None:
        self._error: Fenced | LogUnavailable | None = None

    def raise_if_any(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def note(self, error: KafkaError, message: Any) -> None:
        self._error = self._error or classify(error, message)


def to_record(message: Any) -> Record:
    headers = message.headers()
    # A NamedTuple's own constructor takes twice as long, and this runs once per record.
    fields = (
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        tuple(headers) if headers else (),
        message.timestamp()[1],
    )
    return tuple.__new__(Record, fields)


def classify(error: KafkaError, message: Any) -> Fenced | LogUnavailable | None:
    """An error event of a consumer: what can't heal by itself is an exception, the rest is librdkafka's to retry."""
    where = f"{message.topic()}:{message.partition()}"
    if error.code() in _MISSING:
        return LogUnavailable(f"{where} does not exist; create it with `sealane topics apply` ({error.name()})")
    if error.code() in _GONE:
        return LogUnavailable(f"{where} has no record at the wanted offset any more: {error.str()}")
    if error.code() in _REFUSED:
        return LogUnavailable(f"{where}: {error.str()} ({error.name()})")
    if is_fencing(error, member=True):
        return Fenced(f"{where}: {error.str()} ({error.name()})")
    log.info("kafka client event at %s: %s (%s)", where, error.str(), error.name())
    return None


def kafka_partitions(partitions: Iterable[TopicPartition]) -> list[KafkaPartition]:
    return [KafkaPartition(topic, partition) for topic, partition in partitions]


def port_partitions(partitions: Iterable[KafkaPartition]) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(item.topic, item.partition) for item in partitions)
