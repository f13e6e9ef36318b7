"""Folds the events of one partition, in the order of the log, into its state: restore, cold loads and replay.

The hot path reads the type at its place in the record's bytes, and then envelope and data in one go with that type's
own decoder. Whatever isn't as usual (an older version, other bytes, a broken record) takes the plain way.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.headers import history
from core.eventlog.routing import decode_event
from core.eventlog.serialization import Message, UnknownMessage
from core.ports import Record
from processors.kinds import SHELL_TYPES, Kind, Kinds
from processors.partition_state import EPOCH, LiveStream, PartitionState

# `{"event_id":"<36 digits>","type":"` opens every event that this platform writes.
_BEFORE_TYPE = b'","type":"'
_MARK_AT, _TYPE_AT = 49, 59


class Halted(Exception):
    """The partition's log can't be understood by this code; going on would lose or invent state."""

    def __init__(self, record: Record, detail: str) -> None:
        super().__init__(f"{place(record)} {detail}")
        self.record = record
        self.detail = detail


class BadHint(Exception):
    """The offsets of a hint don't hold the stream's history from its first event on."""


class StoredEvent(msgspec.Struct):
    """What folding needs to know of an event. `data` is the typed message; of the shell's own events it is None."""

    schema_version: int
    stream: str
    stream_version: int
    recorded_at: datetime
    causation_id: str
    data: Any = None


class _Typed(NamedTuple):
    """How the events of one name are read. `kind` None: the shell's own, of every kind."""

    kind: Kind | None
    type_name: str
    version: int
    decode: Callable[[bytes], StoredEvent]


Load = Callable[[PartitionState, LiveStream, tuple[int, int]], None]


class Fold:
    """For any number of partitions. `load(state, live, offsets)` brings back a stream that had left memory."""

    def __init__(self, kinds: Kinds, load: Load) -> None:
        self._kinds = kinds
        self._load = load
        self._typed = _typed(kinds)

    def take(self, state: PartitionState, records: Sequence[Record]) -> None:
        """The next events of the partition. Raises Halted; `state` is of no use then."""
        streams, settle, typed = state.streams, state.settle, self._typed
        for record in records:
            value = record[4] or b""
            known = typed.get(value[_TYPE_AT : value.find(b'"', _TYPE_AT)])
            if known is not None and value[_MARK_AT:_TYPE_AT] == _BEFORE_TYPE:
                owner, type_name, version, decode = known
                try:
                    event = decode(value)
                except msgspec.DecodeError:
                    type_name, event = self._plain(record)
                else:
                    if event.schema_version != version:
                        type_name, event = self._plain(record)
            else:
                owner = None
                type_name, event = self._plain(record)
            live = streams.get(event.stream)
            if live is None or not live.facts:
                live = self._appear(state, live, record)
            if owner is not None and live.kind is not owner:
                self._plain(record)  # Halts: the kind of this stream has no such event.
            if event.stream_version != live.version_after(type_name):
                _insist_on_younger_snapshot(live, event, record)
                state.recorded_at = event.recorded_at
                continue
            try:
                live.evolve(type_name, event.data, event.recorded_at)
            except Exception as error:
                raise _not_applicable(record, type_name, live, error) from error
            settle(live, event.causation_id, 1, event.recorded_at)
        if records:
            state.head = _envelope(records[-1]).chain
            state.events_next = records[-1].offset + 1

    def take_one(self, live: LiveStream, record: Record) -> None:
        """One event of a stream's own history, which lies before the partition's present. Raises Halted or BadHint."""
        type_name, event = self._plain(record)
        live.remembered[event.causation_id] = None
        if event.stream_version == 0:
            return
        if event.stream_version != live.version + 1:
            raise BadHint(f"{place(record)} is version {event.stream_version}, expected {live.version + 1}")
        if not live.version:
            live.correlation_id = _envelope(record).correlation_id
        try:
            live.evolve(type_name, event.data, event.recorded_at)
        except Exception as error:
            raise _not_applicable(record, type_name, live, error) from error

    def _plain(self, record: Record) -> tuple[str, StoredEvent]:
        """(type, event) of any record that holds an event this code knows, of whatever version."""
        event = _envelope(record)
        kind = self._kind(event.stream, record)
        try:
            data = None if event.type in SHELL_TYPES else kind.decode_event(event)
        except (UnknownMessage, LookupError, msgspec.DecodeError) as error:
            raise Halted(record, f"can't be read: {error}") from error
        return event.type, StoredEvent(
            event.schema_version, event.stream, event.stream_version, event.recorded_at, event.causation_id, data
        )

    def _appear(self, state: PartitionState, known: LiveStream | None, record: Record) -> LiveStream:
        """A stream of which nothing is in memory: new, or come back by a cold load whose offsets its event names."""
        event, earlier = _envelope(record), history(record.headers)
        if known is not None and earlier is None:
            known.correlation_id = event.correlation_id
            return known
        live = LiveStream(event.stream, self._kind(event.stream, record))
        live.correlation_id = event.correlation_id
        if earlier is not None:
            state.events_next = record.offset
            self._load(state, live, earlier)
        state.add(live)
        return live

    def _kind(self, stream: str, record: Record) -> Kind:
        kind = self._kinds.get(stream.partition("/")[0])
        if kind is None or not Stream.parse(stream).id:
            raise Halted(record, f"is about {stream}, a kind that this processor doesn't know")
        return kind


def place(record: Record) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"


def recorded_at(record: Record) -> datetime:
    """When; of what can't be read: long ago, so that it is looked at."""
    try:
        return decode_event(record.value or b"").recorded_at
    except msgspec.DecodeError:
        return EPOCH


@contextmanager
def without_collections() -> Iterator[None]:
    """No garbage collection meanwhile: all that a fold makes stays, and looking through it again and again is slow."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _envelope(record: Record) -> EventEnvelope:
    try:
        return decode_event(record.value or b"")
    except msgspec.DecodeError as error:
        raise Halted(record, f"is no event: {error}") from error


def _insist_on_younger_snapshot(live: LiveStream, event: StoredEvent, record: Record) -> None:
    """An event that the stream's snapshot knows already is passed over; a version that is missing is not."""
    if event.stream_version > live.version or not live.version:
        raise Halted(record, f"is version {event.stream_version} of {live.name}, after {live.version}")


def _not_applicable(record: Record, type_name: str, live: LiveStream, error: Exception) -> Halted:
    return Halted(record, f"can't be applied: {type_name} to {live.name}: {error!r}")


def _typed(kinds: Kinds) -> dict[bytes, _Typed]:
    """By the stored name. A name that several kinds have takes the plain way."""
    found: dict[str, list[tuple[Kind, type[Message]]]] = {}
    for kind in kinds:
        for message in kind.aggregate.events.types:
            found.setdefault(message.TYPE, []).append((kind, message))
    return {
        name.encode(): _typed_decoder(None if name in SHELL_TYPES else owners[0][0], owners[0][1])
        for name, owners in found.items()
        if len(owners) == 1 or name in SHELL_TYPES
    }


def _typed_decoder(owner: Kind | None, message: type[Message]) -> _Typed:
    decode = _decoder(message, msgspec.Raw if owner is None else message)
    return _Typed(owner, message.TYPE, message.VERSION, decode)


@cache
def _decoder(message: type[Message], data: type[Any]) -> Callable[[bytes], StoredEvent]:
    """Of stored events that hold this message. Takes a while, and is the same for every fold."""
    shape: Any = msgspec.defstruct(f"Stored{message.__name__}", [("data", data)], bases=(StoredEvent,))
    decoder: msgspec.json.Decoder[StoredEvent] = msgspec.json.Decoder(shape)
    return decoder.decode
