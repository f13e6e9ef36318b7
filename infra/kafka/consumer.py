"""GroupConsumer over Kafka, with the broker-side group protocol (KIP-848).

Assignments are incremental: each callback names only what changed. Offsets are fetched as stable (librdkafka
asks so under read_committed): an answer waits until no transaction of a former owner is pending on them.
"""

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from core.ports import PartitionsCallback, Record, TopicPartition, is_gap
from infra.kafka.connection import CLIENT_ERRORS, Connection, translate
from infra.kafka.membership import end_former_membership
from infra.kafka.records import DeferredErrors, kafka_partitions, port_partitions, take, to_record


class KafkaGroupConsumer:
    """See core.ports.GroupConsumer. `succeeds`: the only one of its client id, so it ends what that one left behind."""

    def __init__(
        self,
        connection: Connection,
        group: str,
        *,
        succeeds: bool = False,
        client_id: str | None = None,
        fetch_wait_ms: int = 1000,
        max_poll_interval_seconds: int = 300,
        timeout_seconds: float = 30.0,
    ) -> None:
        self._timeout = timeout_seconds
        config = connection.reading(
            client_id or group,
            group_id=group,
            group_protocol="consumer",
            auto_offset_reset="earliest",
            fetch_wait_max_ms=fetch_wait_ms,
            max_poll_interval_ms=max_poll_interval_seconds * 1000,
        )
        self._errors = DeferredErrors()
        if succeeds:
            end_former_membership(connection, group, config["client.id"])
        self._consumer = Consumer(config)

    def subscribe(
        self,
        topics: Iterable[str],
        on_assigned: PartitionsCallback,
        on_revoked: PartitionsCallback,
        on_lost: PartitionsCallback,
    ) -> None:
        # The broker also confirms without a change; nobody has to hear of that.
        def assigned(consumer: Consumer, partitions: list[KafkaPartition]) -> None:
            consumer.incremental_assign(partitions)
            if partitions:
                on_assigned(port_partitions(partitions))

        def revoked(consumer: Consumer, partitions: list[KafkaPartition]) -> None:
            if partitions:
                on_revoked(port_partitions(partitions))
            consumer.incremental_unassign(partitions)

        def lost(consumer: Consumer, partitions: list[KafkaPartition]) -> None:
            if partitions:
                on_lost(port_partitions(partitions))
            consumer.incremental_unassign(partitions)

        self._consumer.subscribe(list(topics), on_assign=assigned, on_revoke=revoked, on_lost=lost)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        self._errors.raise_if_any()
        records: list[Record] = []
        for message in take(self._consumer, max_records, timeout_seconds):
            error = message.error()
            if error is None:
                records.append(to_record(message))
            else:
                self._errors.note(error, message)
        return [record for record in records if not is_gap(record)]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        try:
            self._consumer.seek(KafkaPartition(*partition, offset))
        except CLIENT_ERRORS as error:
            translate(error, f"seeking {partition.topic}:{partition.partition} to {offset}")

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        wanted = [KafkaPartition(*where, offset) for where, offset in offsets.items()]
        try:
            answers = self._consumer.commit(offsets=wanted, asynchronous=False)
        except CLIENT_ERRORS as error:
            translate(error, "committing offsets", member=True)
        for answer in answers:
            if answer.error is not None:
                translate(KafkaException(answer.error), f"committing {answer.topic}:{answer.partition}", member=True)

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        try:
            answers = self._consumer.committed(kafka_partitions(partitions), timeout=self._timeout)
        except CLIENT_ERRORS as error:
            translate(error, "fetching committed offsets")
        found: dict[TopicPartition, int | None] = {}
        for answer in answers:
            if answer.error is not None:
                translate(KafkaException(answer.error), f"fetching the offset of {answer.topic}:{answer.partition}")
            found[TopicPartition(answer.topic, answer.partition)] = answer.offset if answer.offset >= 0 else None
        return found

    def group_metadata(self) -> object:
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        self._consumer.close()
