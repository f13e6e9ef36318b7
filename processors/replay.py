"""Replays the events topics from their first record: follows every hash chain and folds every aggregate, beside the
live processors, one partition after the other, with no more memory than they need.

With `verify` the states are compared, byte for byte, with those of the snapshots and the events after them.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from core.eventlog.envelope import Position, Stream
from core.eventlog.topics import CONTEXT_OF_KIND, CONTEXTS, Topology, events_topic
from core.ports import Clock, LogReader, Record, TopicPartition
from processors.chain_check import ChainCheck, Fault, position
from processors.fold import Fold, Halted, recorded_at, without_collections
from processors.kinds import Kinds
from processors.log_range import LogRange
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.partition_state import PartitionState
from processors.restore import Restorer
from processors.state_difference import first_difference

MOST_FAULTS = 100
FOREVER_SECONDS = 1e10
Progress = Callable[[int, int], None]
Place = tuple[str, int]


@dataclass
class Replayed:
    """What came out. `digest` is over all states in order: equal for equal logs. `compared` counts partitions whose
    snapshots were; `skipped` says of others why not (those without any snapshot have nothing to compare). `state` is
    that of the stream asked for."""

    events: int = 0
    streams: int = 0
    compared: int = 0
    faults: list[Fault] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    digest: str = ""
    state: Any = None


class Replay:
    """One pass over all events, or those recorded `until` then. `only` keeps the state of that stream.

    `options` are those of the live processors, by whose code version their snapshots are known.
    """

    def __init__(
        self,
        kinds: Kinds,
        topology: Topology,
        new_reader: Callable[[], LogReader],
        clock: Clock,
        options: ProcessorOptions,
        until: datetime | None = None,
        only: Stream | None = None,
    ) -> None:
        if only is not None:
            options = replace(options, retention_seconds=FOREVER_SECONDS)
        self.result = Replayed()
        self._topology = topology
        self._until = until
        self._only = only
        self._log = LogRange(new_reader, clock, options.read_timeout_seconds)
        self._restorer = Restorer(kinds, topology, new_reader, clock, options, ProcessorMetrics())
        self._fold = Fold(kinds, self._restorer.cold_load)

    def run(self, verify: bool = False, progress: Progress = lambda done, total: None) -> Replayed:
        """Reads to the end as it is now. `progress` counts offsets. Raises LogUnavailable."""
        places = [(context, number) for context in CONTEXTS for number in range(self._topology.partitions)]
        if self._only is not None:
            places = [each for each in places if each[0] == CONTEXT_OF_KIND.get(self._only.kind)]
        bounds = {place: self._log.bounds(_where(place)) for place in places}
        total = sum(end - first for first, end in bounds.values())
        done = 0
        digest = hashlib.sha256()
        for place, (first, end) in bounds.items():
            partition = _Partition(self._restorer.empty(*place), ChainCheck(), first)
            at = self._read(partition, end, partial(_report, progress, done - first, total))
            if verify and partition.whole:
                self._compare(partition, at)
            self._note(partition.chain.end())
            self._keep(partition.state, digest.update)
            done += end - first
            progress(done, total)
        self.result.digest = digest.hexdigest()
        return self.result

    def close(self) -> None:
        self._log.close()
        self._restorer.close()

    def _read(self, partition: "_Partition", end: int, progress: Callable[[int], None]) -> int:
        """Up to `end`, or the first event after `until`; answers with the offset reached."""
        with without_collections():
            for records in self._log.read(partition.state.events, partition.next, end):
                wanted = self._wanted(records)
                self._note(partition.chain.take(wanted))
                self._apply(partition, wanted)
                self.result.events += len(wanted)
                progress(records[-1].offset)
                if len(wanted) < len(records):
                    partition.next = records[len(wanted)].offset
                    return partition.next
        partition.next = end
        return end

    def _wanted(self, records: Sequence[Record]) -> Sequence[Record]:
        """Those recorded in time: a partition's times never go back."""
        if self._until is None:
            return records
        return records[: bisect_right(records, self._until, key=recorded_at)]

    def _apply(self, partition: "_Partition", records: Sequence[Record]) -> None:
        if not partition.whole:
            return
        try:
            self._fold.take(partition.state, records)
        except Halted as halt:
            partition.whole = False
            self._note([Fault(position(halt.record), "event-not-applicable", halt.detail)])

    def _compare(self, partition: "_Partition", at: int) -> None:
        """With what a processor would restore at this offset."""
        folded = partition.state
        restored = self._restorer.restore(folded.context, folded.partition, None, at)
        self._restorer.release()
        ahead = restored.events_next
        if ahead > at and self._until is not None:
            self._skip(folded, f"its snapshots are younger than {self._until}")
            return
        if restored.began_with == "foreign-snapshots":
            self._skip(folded, "its snapshots were made by other code")
        if restored.began_with != "snapshots":
            return
        if ahead > at:
            # The live processor made a new checkpoint meanwhile, or the log lost its end.
            end = self._log.bounds(folded.events)[1]
            if ahead > end:
                detail = f"the log ends here, but snapshots were made of events up to offset {ahead - 1}"
                self._note([Fault(Position(*folded.events, end), "log-cut-off", detail)])
                return
            self._read(partition, ahead, lambda offset: None)
        self.result.compared += 1
        difference = first_difference(folded, restored) if partition.whole else None
        if difference is not None:
            self._note([Fault(Position(*folded.events, at), "state-differs", difference)])

    def _skip(self, state: PartitionState, reason: str) -> None:
        self.result.skipped.append(f"{state.events.topic}:{state.partition}: {reason}")

    def _keep(self, state: PartitionState, digest: Callable[[bytes], None]) -> None:
        digest(state.image())
        self.result.streams += len(state.streams)
        live = state.streams.get(str(self._only)) if self._only is not None else None
        if live is not None:
            self.result.state = live.state

    def _note(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            if len(self.result.faults) < MOST_FAULTS:
                self.result.faults.append(fault)


@dataclass
class _Partition:
    """Where the replay of one partition is. Not `whole`: its state can't be known any more."""

    state: PartitionState
    chain: ChainCheck
    next: int
    whole: bool = True


def _report(progress: Progress, before: int, total: int, offset: int) -> None:
    progress(before + offset, total)


def _where(place: Place) -> TopicPartition:
    return TopicPartition(events_topic(place[0]), place[1])
