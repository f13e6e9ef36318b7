"""Where the log ends and how far consumer groups are: asked for when somebody wants to know."""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # as in admin.py

from core.ports import TopicPartition
from infra.kafka.connection import CLIENT_ERRORS, Connection, translate

_TIMEOUT_SECONDS = 3.0
_ERRORS = (*CLIENT_ERRORS, TimeoutError)


class KafkaLag:
    """Raises LogUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._admin = AdminClient(connection.config("sealane-lag"))

    def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record that consumers may see (markers of transactions count)."""
        asked = {KafkaPartition(*where): OffsetSpec.latest() for where in partitions}  # type: ignore[no-untyped-call]
        try:
            futures = self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT_SECONDS
            )
            return {
                TopicPartition(where.topic, where.partition): int(future.result(_TIMEOUT_SECONDS).offset)
                for where, future in futures.items()
            }
        except _ERRORS as error:
            translate(error, "asking for the ends of the log")

    def committed(self, groups: Mapping[str, Iterable[TopicPartition]]) -> dict[tuple[str, TopicPartition], int]:
        """The next offset of each group in each of its partitions; 0 where it never committed one."""
        try:
            return dict(each for group, partitions in groups.items() for each in self._of_group(group, partitions))
        except _ERRORS as error:
            translate(error, "asking for the offsets of consumer groups")

    def _of_group(
        self, group: str, partitions: Iterable[TopicPartition]
    ) -> list[tuple[tuple[str, TopicPartition], int]]:
        wanted = ConsumerGroupTopicPartitions(group, [KafkaPartition(*where) for where in partitions])
        answers: dict[str, Any] = self._admin.list_consumer_group_offsets([wanted], request_timeout=_TIMEOUT_SECONDS)
        found = answers[group].result(_TIMEOUT_SECONDS).topic_partitions
        return [((group, TopicPartition(each.topic, each.partition)), max(each.offset, 0)) for each in found]
