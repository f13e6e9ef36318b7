"""TransactionalProducer, Producer and AsyncProducer over the log in memory."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from core.eventlog.envelope import Position
from core.ports import Fenced, LogUnavailable, OutgoingRecord, TopicPartition
from infra.memory.consumer import GroupMetadata
from infra.memory.log import MemoryLog
from infra.memory.partition import Transaction


class MemoryTransactionalProducer:
    """See core.ports.TransactionalProducer. LogUnavailable leaves no transaction open, as in the Kafka adapter."""

    def __init__(self, log: MemoryLog, transactional_id: str, owner: str = "producer") -> None:
        self._log = log
        self._id = transactional_id
        self._owner = owner
        self._transaction: Transaction | None = None
        self._highest: dict[TopicPartition, int] = {}
        with log.call(owner, "producer.init"):
            self._epoch = log.new_epoch(transactional_id)

    def begin(self) -> None:
        self._call("producer.begin", self._begin)

    def send(self, record: OutgoingRecord) -> None:
        self._call("producer.send", lambda: self._append(record))

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group_metadata: object) -> None:
        self._call("producer.send_offsets", lambda: self._add_offsets(offsets, group_metadata))

    def commit(self) -> dict[TopicPartition, int]:
        self._call("producer.commit", self._commit)
        return self._highest

    def abort(self) -> None:
        if self._transaction is not None:
            self._call("producer.abort", lambda: self._end("aborted"))

    def close(self) -> None:
        try:
            self.abort()
        except Fenced:
            self._transaction = None

    def _call(self, operation: str, effect: Callable[[], None]) -> None:
        """Refused when fenced; a failure leaves no transaction open."""
        try:
            with self._log.call(self._owner, operation):
                if self._log.is_fenced(self._id, self._epoch):
                    self._transaction = None
                    raise Fenced(f"a newer producer '{self._id}' exists, or the transaction took too long")
                effect()
        except LogUnavailable:
            with self._log.lock:
                if self._transaction is not None and not self._log.is_fenced(self._id, self._epoch):
                    self._end("aborted")
            raise

    def _begin(self) -> None:
        self._highest = {}
        self._transaction = self._log.open_transaction(self._id)

    def _append(self, record: OutgoingRecord) -> None:
        offset = self._log.append(record, self._open())
        self._highest[TopicPartition(record.topic, record.partition)] = offset

    def _add_offsets(self, offsets: Mapping[TopicPartition, int], group_metadata: object) -> None:
        transaction = self._open()
        if not isinstance(group_metadata, GroupMetadata):
            raise TypeError(f"expected the group metadata of a MemoryGroupConsumer, got {group_metadata!r}")
        group = self._log.group(group_metadata.group)
        member = group.members.get(group_metadata.member_id)
        if member is None or member.epoch != group_metadata.epoch:
            raise LogUnavailable("adding consumed offsets: the member has lost its place in the group")
        transaction.offsets.setdefault(group_metadata.group, {}).update(offsets)
        group.pending.append(transaction)

    def _commit(self) -> None:
        self._open()
        self._end("committed")

    def _open(self) -> Transaction:
        if self._transaction is None:
            raise LogUnavailable("no transaction is open")
        return self._transaction

    def _end(self, outcome: str) -> None:
        self._log.end_transaction(self._id, outcome)
        self._transaction = None


class MemoryProducer:
    """See core.ports.Producer."""

    def __init__(self, log: MemoryLog, owner: str = "producer") -> None:
        self._log = log
        self._owner = owner

    def send_all(self, records: Iterable[OutgoingRecord]) -> list[Position]:
        with self._log.call(self._owner, "producer.send_all"):
            return [Position(record.topic, record.partition, self._log.append(record)) for record in records]

    def close(self) -> None:
        """Nothing is kept."""


class MemoryAsyncProducer:
    """See core.ports.AsyncProducer."""

    def __init__(self, log: MemoryLog, owner: str = "producer") -> None:
        self._producer = MemoryProducer(log, owner)

    async def send(self, record: OutgoingRecord) -> Position:
        await asyncio.sleep(0)
        return self._producer.send_all([record])[0]

    async def close(self) -> None:
        """Nothing is kept."""
