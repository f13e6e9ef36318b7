"""One partition in memory: records and transaction markers at their offsets, and what of it may be read."""

from dataclasses import dataclass, field

from core.ports import OutgoingRecord, Record, TopicPartition, is_gap


@dataclass(eq=False)
class Transaction:
    """A transaction of one producer. `offsets` are the consumed offsets it will commit, by group."""

    deadline: float
    outcome: str = "open"
    partitions: dict[TopicPartition, None] = field(default_factory=dict)
    offsets: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)


class MemoryPartition:
    """Offsets are places in a list; what compaction takes away leaves a gap, as in Kafka."""

    def __init__(self) -> None:
        # What is at each offset, and the transaction it was written in. A marker is no record.
        self._records: list[Record | None] = []
        self._transactions: list[Transaction | None] = []
        # Where each transaction began that is undecided: the first of them first.
        self._open: dict[Transaction, int] = {}
        self.start = 0

    @property
    def end(self) -> int:
        return len(self._records)

    @property
    def stable_end(self) -> int:
        return next(iter(self._open.values())) if self._open else len(self._records)

    def has(self, offset: int) -> bool:
        """Whether there is anything from `offset` on, be it only what is not committed."""
        return offset < len(self._records)

    def append(self, record: OutgoingRecord, transaction: Transaction | None, timestamp_ms: int) -> int:
        offset = len(self._records)
        if transaction is not None:
            self._open.setdefault(transaction, offset)
        topic, partition, key, value, headers = record
        self._records.append(Record(topic, partition, offset, key, value, tuple(headers), timestamp_ms))
        self._transactions.append(transaction)
        return offset

    def finish(self, transaction: Transaction) -> None:
        """Write the marker: it takes an offset and is never delivered."""
        self._open.pop(transaction, None)
        self._records.append(None)
        self._transactions.append(None)

    def read(self, offset: int, limit: int) -> tuple[list[Record], int]:
        """Committed records from `offset` on, and the next offset to read from."""
        found: list[Record] = []
        offset, end = max(offset, self.start), self.stable_end
        while offset < end and len(found) < limit:
            after = min(end, offset + limit - len(found))
            found += [
                record
                for record, transaction in zip(
                    self._records[offset:after], self._transactions[offset:after], strict=True
                )
                if record is not None
                and (transaction is None or transaction.outcome == "committed")
                and (record[4] is not None or not is_gap(record))
            ]
            offset = after
        return found, offset

    def read_all(self, offset: int, limit: int) -> tuple[list[Record], int]:
        """As read(), but with what is not committed, or never was: isolation level read_uncommitted."""
        offset = max(offset, self.start)
        records = self._records[offset:][:limit]
        return [each for each in records if each is not None], offset + len(records)

    def compact(self) -> None:
        """Keep the latest committed record of each key; tombstones go with what they delete."""
        latest: dict[bytes | None, int] = {}
        for record in self.read(self.start, self.end)[0]:
            latest[record.key] = record.offset
        for offset, kept in enumerate(self._records[: self.stable_end]):
            if kept is not None and (latest.get(kept.key) != offset or kept.value is None):
                self._records[offset] = None

    def truncate(self) -> None:
        """Delete everything; offsets go on."""
        self._records = [None] * self.end
        self.start = self.end
