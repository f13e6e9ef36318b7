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


@dataclass(slots=True)
class _Entry:
    record: Record | None
    transaction: Transaction | None


class MemoryPartition:
    """Offsets are places in a list; what compaction takes away leaves a gap, as in Kafka."""

    def __init__(self, where: TopicPartition) -> None:
        self._where = where
        self._entries: list[_Entry] = []
        self._open: dict[Transaction, int] = {}
        self.start = 0

    @property
    def end(self) -> int:
        return len(self._entries)

    @property
    def stable_end(self) -> int:
        return min(self._open.values()) if self._open else len(self._entries)

    def has(self, offset: int) -> bool:
        """Whether there is anything from `offset` on, be it only what is not committed."""
        return offset < len(self._entries)

    def append(self, record: OutgoingRecord, transaction: Transaction | None, timestamp_ms: int) -> int:
        offset = self.end
        if transaction is not None:
            self._open.setdefault(transaction, offset)
        stored = Record(*self._where, offset, record.key, record.value, tuple(record.headers), timestamp_ms)
        self._entries.append(_Entry(stored, transaction))
        return offset

    def finish(self, transaction: Transaction) -> None:
        """Write the marker: it takes an offset and is never delivered."""
        self._open.pop(transaction, None)
        self._entries.append(_Entry(None, None))

    def read(self, offset: int, limit: int) -> tuple[list[Record], int]:
        """Committed records from `offset` on, and the next offset to read from."""
        found: list[Record] = []
        offset, end = max(offset, self.start), self.stable_end
        while offset < end and len(found) < limit:
            several = self._entries[offset : min(end, offset + limit - len(found))]
            offset += len(several)
            found += [
                entry.record
                for entry in several
                if entry.record is not None
                and (entry.transaction is None or entry.transaction.outcome == "committed")
                and (entry.record.value is not None or not is_gap(entry.record))
            ]
        return found, offset

    def read_all(self, offset: int, limit: int) -> tuple[list[Record], int]:
        """As read(), but with what is not committed, or never was: isolation level read_uncommitted."""
        entries = self._entries[max(offset, self.start) :][:limit]
        return [each.record for each in entries if each.record is not None], max(offset, self.start) + len(entries)

    def compact(self) -> None:
        """Keep the latest committed record of each key; tombstones go with what they delete."""
        latest: dict[bytes | None, int] = {}
        for record in self.read(self.start, self.end)[0]:
            latest[record.key] = record.offset
        for offset, entry in enumerate(self._entries[: self.stable_end]):
            kept = entry.record
            if kept is not None and (latest.get(kept.key) != offset or kept.value is None):
                entry.record = None

    def truncate(self) -> None:
        """Delete everything; offsets go on."""
        for entry in self._entries:
            entry.record = None
        self.start = self.end
