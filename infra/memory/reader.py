"""LogReader over the log in memory."""

from collections.abc import Mapping

from core.ports import LogUnavailable, Record, TopicPartition
from infra.memory.log import MemoryLog


class MemoryLogReader:
    """See core.ports.LogReader. `settled`: bounds() refuses while a transaction before the end is undecided."""

    def __init__(self, log: MemoryLog, owner: str = "reader", *, settled: bool = False) -> None:
        self._log = log
        self._owner = owner
        self._settled = settled
        self._positions: dict[TopicPartition, int] = {}
        # The change of the log up to which everything was read.
        self._read_up_to = -1

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        with self._log.call(self._owner, "reader.assign"):
            self._positions = dict(positions)
            self._read_up_to = -1

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        before = dict(self._positions)
        try:
            with self._log.call(self._owner, "reader.poll"):
                found = self._read(max_records)
        except LogUnavailable:
            self._positions, self._read_up_to = before, -1  # A poll that fails has taken nothing.
            raise
        if not found and timeout_seconds > 0:
            self._log.on_idle(timeout_seconds)
        return found

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        with self._log.call(self._owner, "reader.bounds"):
            kept = self._log.partition(partition)
            if self._settled and kept.stable_end < kept.end:
                raise LogUnavailable(
                    f"{partition.topic}:{partition.partition}: a transaction from offset {kept.stable_end} on is "
                    f"undecided; the end is {kept.end}"
                )
            return kept.start, kept.stable_end

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._positions)

    def close(self) -> None:
        self._positions.clear()

    def _read(self, max_records: int) -> list[Record]:
        if self._read_up_to == self._log.changes:
            return []
        found = self._log.read(self._positions, max_records)
        if len(found) < max_records:
            self._read_up_to = self._log.changes
        return found
