"""Bring a partition's state back: the latest snapshot of each stream, then the tail of its events.

Also the cold load of one stream that has left memory, from the offsets that a command's hint names.
"""

from collections.abc import Callable

from core.eventlog.topics import Topology
from core.ports import Clock, LogReader, Record, TopicPartition
from processors import snapshots
from processors.fold import Fold, without_collections
from processors.kinds import Kinds
from processors.log_range import LogRange
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.partition_state import Beginning, LiveStream, PartitionState

# Where the last checkpoint is looked for first, in offsets.
_TAIL = 20


class Restorer:
    """One thread. Raises LogUnavailable where the log can't be read now, Halted where it can't be understood."""

    def __init__(
        self,
        kinds: Kinds,
        topology: Topology,
        new_reader: Callable[[], LogReader],
        clock: Clock,
        options: ProcessorOptions,
        metrics: ProcessorMetrics,
    ) -> None:
        self._kinds = kinds
        self._topology = topology
        self._log = LogRange(new_reader, clock, options.read_timeout_seconds)
        # Its own connection: a cold load may be needed in the middle of a restore.
        self._history = LogRange(new_reader, clock, options.read_timeout_seconds)
        self._clock = clock
        self._options = options
        self._metrics = metrics
        self._fold = Fold(kinds, self.cold_load)

    def restore(
        self, context: str, partition: int, commands_next: int | None, until: int | None = None
    ) -> PartitionState:
        """The state after the last committed event, or before offset `until`, unless the snapshots are younger.

        `commands_next`: the committed offset, already known as stable.
        """
        started = self._clock.now()
        state = self.empty(context, partition)
        first, state.commands_end = self._log.bounds(state.commands)
        state.commands_next = first if commands_next is None else commands_next
        first, end = self._log.bounds(state.events)
        end = end if until is None else min(end, until)
        with without_collections():
            state.began_with = self._load_snapshots(state)
            if state.began_with != "snapshots":
                state.events_next = first
            for records in self._log.read(state.events, state.events_next, end):
                self._fold.take(state, records)
                self._metrics.restored_events += len(records)
        state.events_next = max(end, state.events_next)
        for live in state.streams.values():
            state.watch_deadline(live)
        state.restored_at = state.checkpoint_at = self._clock.now()
        self._metrics.restores += 1
        self._metrics.restore_seconds += (state.restored_at - started).total_seconds()
        return state

    def empty(self, context: str, partition: int) -> PartitionState:
        """The state before the first event."""
        return PartitionState(context, partition, self._topology.region_of(partition), self._options)

    def cold_load(self, state: PartitionState, live: LiveStream, hint: tuple[int, int]) -> None:
        """Fold the stream's events between the two offsets (both included) into `live`. Raises BadHint."""
        start, end = max(hint[0], 0), min(hint[1] + 1, state.events_next)
        for records in self._history.read(state.events, start, end):
            for record in records:
                if record.key == live.key:
                    self._fold.take_one(live, record)
        self._history.release()
        self._metrics.cold_loads += 1

    def release(self) -> None:
        """Stop fetching until the next restore."""
        self._log.release()

    def close(self) -> None:
        self._log.close()
        self._history.close()

    def _load_snapshots(self, state: PartitionState) -> Beginning:
        first, end = self._log.bounds(state.snapshots)
        if end - first > self._options.superseded_snapshots:
            first = max(first, self._snapshots_from(state.snapshots, first, end))
        latest: dict[bytes, Record] = {}
        for records in self._log.read(state.snapshots, first, end):
            for record in records:
                if record.key is None:
                    continue
                # By offset, not by first appearance: the oldest come first.
                latest.pop(record.key, None)
                if record.value is not None:
                    latest[record.key] = record
        state.snapshots_next = end
        fingerprint = self._kinds.fingerprint(state.context, self._options.code_version)
        beginning = snapshots.load(state, latest, self._kinds, fingerprint)
        for live in state.streams.values():
            state.watch_end(live)
        return beginning

    def _snapshots_from(self, where: TopicPartition, first: int, end: int) -> int:
        """As the last checkpoint says. Only its transaction's end and aborted records can lie behind it."""
        length = _TAIL
        while end > first:
            start = max(first, end - length)
            records = (record for records in self._log.read(where, start, end) for record in records)
            checkpoints = [record for record in records if record.key == snapshots.CHECKPOINT_KEY]
            if checkpoints:
                return snapshots.snapshots_from(checkpoints[-1])
            end, length = start, 4 * length
        return first
