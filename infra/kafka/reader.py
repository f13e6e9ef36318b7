"""LogReader over Kafka: committed records of chosen partitions, without a group.

Transaction markers take offsets but are never delivered: only librdkafka's end-of-partition event tells the next
offset, and it comes with the fetch after the last record. Hence a short `fetch_wait_ms` to restore, a long to idle.
"""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # as in admin.py

from core.ports import LogUnavailable, Record, TopicPartition, is_gap
from infra.kafka.connection import CLIENT_ERRORS, Connection, is_timeout, translate
from infra.kafka.records import DeferredErrors, take, to_record

T = TypeVar("T")

_UNDECIDED_SECONDS = 0.01
# A client goes on asking a leader that is lost until it is told to give up; asked anew it finds the next one at once.
_ANSWER_SECONDS = 3.0
_QUESTIONS = 3


class KafkaLogReader:
    """See core.ports.LogReader.

    A commit is acknowledged before its markers are in every partition. Who restores state must not miss the last
    transaction of the former owner: with `settled`, bounds() waits until nothing before the end is undecided.
    """

    def __init__(
        self,
        connection: Connection,
        client_id: str = "sealane-reader",
        *,
        fetch_wait_ms: int = 5,
        settled: bool = False,
        timeout_seconds: float = 30.0,
    ) -> None:
        self._timeout = timeout_seconds
        self._admin = AdminClient(connection.config(f"{client_id}-ends")) if settled else None
        self._positions: dict[TopicPartition, int] = {}
        self._errors = DeferredErrors()
        self._consumer = Consumer(
            connection.reading(
                client_id,
                group_id=client_id,
                enable_partition_eof=True,
                auto_offset_reset="error",
                fetch_wait_max_ms=fetch_wait_ms,
            )
        )

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._positions = dict(positions)
        try:
            self._consumer.assign([KafkaPartition(*where, offset) for where, offset in positions.items()])
        except CLIENT_ERRORS as error:
            translate(error, "assigning partitions")

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        self._errors.raise_if_any()
        records: list[Record] = []
        for message in take(self._consumer, max_records, timeout_seconds):
            error = message.error()
            if error is None:
                records.append(to_record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._advance(str(message.topic()), int(message.partition() or 0), int(message.offset() or 0))
            else:
                self._errors.note(error, message)
        self._advance_over(records)
        return [record for record in records if not is_gap(record)]

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        bounds = self._stable_bounds(partition)
        if self._admin is None:
            return bounds
        end, deadline = self._end(self._admin, partition), time.monotonic() + self._timeout
        while bounds[1] < end:
            if time.monotonic() > deadline:
                raise LogUnavailable(
                    f"{partition.topic}:{partition.partition}: a transaction from offset {bounds[1]} on is undecided "
                    f"after {self._timeout:g} s; the end is {end}"
                )
            time.sleep(_UNDECIDED_SECONDS)
            bounds = self._stable_bounds(partition)
        return bounds

    def _stable_bounds(self, partition: TopicPartition) -> tuple[int, int]:
        def ask() -> tuple[int, int]:
            return self._consumer.get_watermark_offsets(KafkaPartition(*partition), timeout=_ANSWER_SECONDS)

        return answer(ask, f"asking for the bounds of {partition.topic}:{partition.partition}")

    def _end(self, admin: AdminClient, partition: TopicPartition) -> int:
        """The offset after the last record, undecided ones included."""

        def ask() -> int:
            asked = {KafkaPartition(*partition): OffsetSpec.latest()}  # type: ignore[no-untyped-call]
            (answer,) = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED).values()
            return int(answer.result(_ANSWER_SECONDS).offset)

        return answer(ask, f"asking for the end of {partition.topic}:{partition.partition}")

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._positions)

    def close(self) -> None:
        self._consumer.close()

    def _advance_over(self, records: list[Record]) -> None:
        """Offsets grow within a partition: only the last record of each stretch counts."""
        last: Record | None = None
        for record in records:
            if last is not None and (record[1] != last[1] or record[0] != last[0]):
                self._advance(last[0], last[1], last[2] + 1)
            last = record
        if last is not None:
            self._advance(last[0], last[1], last[2] + 1)

    def _advance(self, topic: str, partition: int, offset: int) -> None:
        where = TopicPartition(topic, partition)
        if offset > self._positions.get(where, -1):
            self._positions[where] = offset


def answer(ask: Callable[[], T], doing: str) -> T:
    """A busy broker may be slow to answer, a lost one never does: only time that is over is a reason to ask anew."""
    for left in reversed(range(_QUESTIONS)):
        try:
            return ask()
        except (*CLIENT_ERRORS, TimeoutError) as error:
            if not (left and is_timeout(error)):
                translate(error, doing)
    raise AssertionError("the last question is answered or raises")
