"""LogReader over Kafka: committed records of chosen partitions, without a group.

Transaction markers take offsets but are never delivered, so "the next offset" can't be told from the last
record alone: librdkafka's end-of-partition event says it, and it comes with the fetch after the last record.
A reader that restores therefore asks with a short `fetch_wait_ms`, a tail that idles with a long one.
"""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as KafkaPartition

from core.ports import Record, TopicPartition
from infra.kafka.connection import CLIENT_ERRORS, Connection, translate
from infra.kafka.records import raise_or_log, take, to_record

_TIMEOUT_SECONDS = 30.0


class KafkaLogReader:
    """See core.ports.LogReader."""

    def __init__(self, connection: Connection, client_id: str = "sealane-reader", fetch_wait_ms: int = 5) -> None:
        self._positions: dict[TopicPartition, int] = {}
        self._consumer = Consumer(
            connection.config(
                client_id,
                group_id=client_id,
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                enable_partition_eof=True,
                isolation_level="read_committed",
                auto_offset_reset="error",
                fetch_wait_max_ms=fetch_wait_ms,
                fetch_queue_backoff_ms=5,
            )
        )

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._positions = dict(positions)
        try:
            self._consumer.assign([KafkaPartition(*where, offset) for where, offset in positions.items()])
        except CLIENT_ERRORS as error:
            translate(error, "assigning partitions")

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        records: list[Record] = []
        for message in take(self._consumer, max_records, timeout_seconds):
            error = message.error()
            if error is None:
                records.append(to_record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._advance(str(message.topic()), int(message.partition() or 0), int(message.offset() or 0))
            else:
                raise_or_log(error, message)
        for topic, partition, offset, *_ in records:
            self._advance(topic, partition, offset + 1)
        return records

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        try:
            low, high = self._consumer.get_watermark_offsets(KafkaPartition(*partition), timeout=_TIMEOUT_SECONDS)
        except CLIENT_ERRORS as error:
            translate(error, f"asking for the bounds of {partition.topic}:{partition.partition}")
        return low, high

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._positions)

    def close(self) -> None:
        self._consumer.close()

    def _advance(self, topic: str, partition: int, offset: int) -> None:
        where = TopicPartition(topic, partition)
        if offset > self._positions.get(where, -1):
            self._positions[where] = offset
