"""Replays the events topics from their first record: checks every hash chain and folds every aggregate.

Reads only; nothing it finds is trusted to be right. The same fold answers "what was the state at T".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from core.aggregate import Aggregate
from core.eventlog.chain import GENESIS, holds
from core.eventlog.envelope import EventEnvelope, Position, Stream
from core.eventlog.topics import EVENTS_TOPICS, Topology
from core.ports import LogReader, Record, TopicPartition

_decode = msgspec.json.Decoder(EventEnvelope).decode
POLL_RECORDS = 5000
POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Fault:
    """A place where the log is not what was written: a broken chain, or a record that can't be read."""

    position: Position
    code: str
    detail: str


@dataclass
class Replayed:
    """What came out: counts, faults, and the state of every stream (or of the one asked for)."""

    events: int = 0
    faults: list[Fault] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)


class Replay:
    """One pass over all events. `until` leaves out later events; `only` folds a single stream."""

    def __init__(
        self,
        aggregates: Sequence[Aggregate],
        until: datetime | None = None,
        only: Stream | None = None,
    ) -> None:
        self._aggregates = {aggregate.kind: aggregate for aggregate in aggregates}
        self._until = until
        self._only = only and str(only)
        self._chains: dict[tuple[str, int], str] = {}
        self.result = Replayed()

    def run(
        self, reader: LogReader, topology: Topology, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Replayed:
        """Reads to the end as it is now. `progress(done, total)` counts offsets."""
        ends = self._ends(reader, topology)
        total = sum(end - start for start, end in ends.values())
        reader.assign({partition: start for partition, (start, end) in ends.items() if end > start})
        while not self._reached(reader, ends):
            for record in reader.poll(POLL_RECORDS, POLL_SECONDS):
                self._take(record)
            progress(self.result.events, total)
        return self.result

    @staticmethod
    def _ends(reader: LogReader, topology: Topology) -> dict[TopicPartition, tuple[int, int]]:
        partitions = [TopicPartition(topic, number) for topic in EVENTS_TOPICS for number in range(topology.partitions)]
        return {partition: reader.bounds(partition) for partition in partitions}

    @staticmethod
    def _reached(reader: LogReader, ends: Mapping[TopicPartition, tuple[int, int]]) -> bool:
        return all(offset >= ends[partition][1] for partition, offset in reader.positions().items())

    def _take(self, record: Record) -> None:
        position = Position(record.topic, record.partition, record.offset)
        try:
            event = _decode(record.value or b"")
        except msgspec.DecodeError as error:
            self.result.faults.append(Fault(position, "record-unreadable", str(error)))
            return
        self._check_chain(position, event)
        self.result.events += 1
        if self._wanted(event):
            self._fold(position, event)

    def _check_chain(self, position: Position, event: EventEnvelope) -> None:
        lane = (position.topic, position.partition)
        if not holds(self._chains.get(lane, GENESIS), event):
            detail = f"{event.type} of {event.stream} does not follow the event before it"
            self.result.faults.append(Fault(position, "chain-broken", detail))
        self._chains[lane] = event.chain

    def _wanted(self, event: EventEnvelope) -> bool:
        if self._until is not None and event.recorded_at > self._until:
            return False
        return self._only is None or event.stream == self._only

    def _fold(self, position: Position, event: EventEnvelope) -> None:
        stream = Stream.parse(event.stream)
        aggregate = self._aggregates.get(stream.kind)
        if aggregate is None or event.type not in aggregate.events:
            self.result.faults.append(Fault(position, "event-unknown", f"'{event.type}' of {event.stream}"))
            return
        state = self.result.states.get(event.stream)
        state = aggregate.initial(stream.id) if state is None else state
        message = aggregate.events.decode(event.type, event.schema_version, event.data)
        self.result.states[event.stream] = aggregate.evolve(state, message)
