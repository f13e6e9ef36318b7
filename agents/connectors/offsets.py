"""Which offsets may be committed: all below the first record that is still being worked on."""

import threading
from collections.abc import Iterable

from core.ports import Record, TopicPartition


class OffsetTracker:
    """Records are seen in order by the loop and done in any order by the workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[TopicPartition, int] = {}
        self._open: dict[TopicPartition, dict[int, None]] = {}
        self._committed: dict[TopicPartition, int] = {}

    def seen(self, record: Record, done: bool = False) -> None:
        partition = TopicPartition(record.topic, record.partition)
        with self._lock:
            self._next[partition] = record.offset + 1
            if not done:
                self._open.setdefault(partition, {})[record.offset] = None

    def done(self, record: Record) -> None:
        """Harmless for a partition that was given up meanwhile."""
        with self._lock:
            self._open.get(TopicPartition(record.topic, record.partition), {}).pop(record.offset, None)

    def committable(self) -> dict[TopicPartition, int]:
        """Offsets that moved since they were last said to be committed."""
        with self._lock:
            return {
                partition: offset
                for partition in self._next
                if (offset := self._safe(partition)) != self._committed.get(partition)
            }

    def committed(self, offsets: dict[TopicPartition, int]) -> None:
        with self._lock:
            self._committed.update(offsets)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """They belong to somebody else now."""
        with self._lock:
            for partition in partitions:
                self._next.pop(partition, None)
                self._open.pop(partition, None)
                self._committed.pop(partition, None)

    def _safe(self, partition: TopicPartition) -> int:
        # Records are seen in the order of their offsets, so the first that is open is the lowest.
        return next(iter(self._open.get(partition, {})), self._next[partition])
