"""Bring a partition's state back: the latest snapshot of each stream, then the tail of its events.

Also the cold load of one stream that has left memory, from the offsets that a command's hint names.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.headers import history
from core.eventlog.routing import decode_event
from core.eventlog.serialization import UnknownMessage
from core.eventlog.topics import Topology
from core.ports import Clock, LogReader, Record
from processors import snapshots
from processors.kinds import SHELL_TYPES, Kind, Kinds
from processors.log_range import LogRange
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.partition_state import LiveStream, PartitionState


class Halted(Exception):
    """The partition's log can't be understood by this code; going on would lose or invent state."""


class BadHint(Exception):
    """The offsets of a hint don't hold the stream's history from its first event on."""


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

    def restore(self, context: str, partition: int, commands_next: int | None) -> PartitionState:
        """The state after the last committed event. `commands_next`: the committed offset, already known as stable."""
        started = self._clock.now()
        state = PartitionState(context, partition, self._topology.region_of(partition), self._options)
        first, state.commands_end = self._log.bounds(state.commands)
        state.commands_next = first if commands_next is None else commands_next
        first, end = self._log.bounds(state.events)
        if not self._load_snapshots(state):
            state.events_next = first
        for record in self._log.read(state.events, state.events_next, end):
            self._replay(state, record)
        state.events_next = max(end, state.events_next)
        for live in state.streams.values():
            state.watch_deadline(live)
        state.restored_at = state.checkpoint_at = self._clock.now()
        self._metrics.restores += 1
        self._metrics.restore_seconds += (state.restored_at - started).total_seconds()
        return state

    def cold_load(self, state: PartitionState, live: LiveStream, hint: tuple[int, int]) -> None:
        """Fold the stream's events between the two offsets (both included) into `live`. Raises BadHint."""
        start, end = max(hint[0], 0), min(hint[1] + 1, state.events_next)
        for record in self._history.read(state.events, start, end):
            if record.key != live.key:
                continue
            event = _decode(record)
            live.remembered[event.causation_id] = None
            if event.stream_version == 0:
                continue
            if event.stream_version != live.version + 1:
                raise BadHint(f"{_place(record)} is version {event.stream_version}, expected {live.version + 1}")
            self._fold(live, event, record)
        self._history.release()
        self._metrics.cold_loads += 1

    def release(self) -> None:
        """Stop fetching until the next restore."""
        self._log.release()

    def close(self) -> None:
        self._log.close()
        self._history.close()

    def _load_snapshots(self, state: PartitionState) -> bool:
        first, end = self._log.bounds(state.snapshots)
        latest: dict[bytes, bytes] = {}
        for record in self._log.read(state.snapshots, first, end):
            if record.key is None:
                continue
            if record.value is None:
                latest.pop(record.key, None)
            else:
                latest[record.key] = record.value
        fingerprint = self._kinds.fingerprint(state.context, self._options.code_version)
        usable = snapshots.load(state, latest, self._kinds, fingerprint)
        for live in state.streams.values():
            state.watch_end(live)
        return usable

    def _replay(self, state: PartitionState, record: Record) -> None:
        event = _decode(record)
        state.events_next = record.offset + 1
        live = state.streams.get(event.stream)
        if live is None or not live.facts:
            live = self._appear(state, live, event, record)
        self._metrics.restored_events += 1
        state.head = event.chain
        if event.stream_version <= live.version and live.version:
            state.recorded_at = event.recorded_at  # This snapshot is younger than the checkpoint.
            return
        if event.stream_version != live.version_after(event.type):
            raise Halted(f"{_place(record)} is version {event.stream_version} of {live.name}, after {live.version}")
        self._fold(live, event, record)
        state.settle(live, event.causation_id, 1, event.recorded_at)

    def _appear(
        self, state: PartitionState, known: LiveStream | None, event: EventEnvelope, record: Record
    ) -> LiveStream:
        """A stream of which nothing is in memory: new, or come back by a cold load whose offsets its event names."""
        earlier = history(record.headers)
        if known is not None and earlier is None:
            return known
        kind = self._kind(event.stream, record)
        live = LiveStream(event.stream, kind)
        live.correlation_id = event.correlation_id
        if earlier is not None:
            self.cold_load(state, live, earlier)
        state.add(live)
        return live

    def _kind(self, stream: str, record: Record) -> Kind:
        kind = self._kinds.get(Stream.parse(stream).kind)
        if kind is None:
            raise Halted(f"{_place(record)} is about {stream}, a kind that this processor doesn't know")
        return kind

    def _fold(self, live: LiveStream, event: EventEnvelope, record: Record) -> None:
        if not live.version:
            live.correlation_id = event.correlation_id
        try:
            message = self._message(live.kind, event)
            live.evolve(event.type, message, event.recorded_at)
        except UnknownMessage as error:
            raise Halted(f"{_place(record)}: {error}") from error
        except Exception as error:
            raise Halted(f"{_place(record)}: {event.type} can't be applied to {live.name}: {error!r}") from error

    @staticmethod
    def _message(kind: Kind, event: EventEnvelope) -> Any:
        if event.type in SHELL_TYPES:
            return None
        return kind.aggregate.events.decode(event.type, event.schema_version, event.data)


def _decode(record: Record) -> EventEnvelope:
    try:
        return decode_event(record.value or b"")
    except msgspec.DecodeError as error:
        raise Halted(f"{_place(record)} is no event: {error}") from error


def _place(record: Record) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"
