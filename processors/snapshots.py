"""Snapshots of a partition in its compacted topic: one record per stream and one checkpoint.

They are an aid, never the truth: one that was made by other code (another fingerprint) is ignored, and deleting
all of them changes nothing but the time a restore takes.

The topic only grows until the broker compacts it, which may be much later. So each checkpoint says from which offset on
the snapshots in use lie, and streams that are quiet are written anew before they hold that offset back for long.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice, takewhile

import msgspec

from core.eventlog.envelope import Stream
from core.ports import OutgoingRecord, Record
from processors.kinds import Kinds
from processors.options import ProcessorOptions
from processors.partition_state import Beginning, LiveStream, PartitionState

CHECKPOINT_KEY = b"checkpoint"


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """Up to where the snapshots of a partition reach: the next events offset, and the chain's value before it.

    `snapshots_from`: no snapshot in use lies before this offset of the snapshots topic.
    """

    fingerprint: str
    events_next: int
    chain: str
    recorded_at: datetime
    snapshots_from: int = 0


class StreamSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One stream. `state` is msgpack in the order the state holds its parts: dicts keep their insertion order."""

    fingerprint: str
    version: int
    facts: int
    correlation_id: str
    touched_at: datetime
    remembered: list[str]
    state: msgspec.Raw


log = logging.getLogger("sealane.processors")
_encode = msgspec.msgpack.Encoder().encode
_decode_checkpoint = msgspec.msgpack.Decoder(Checkpoint).decode
_decode_stream = msgspec.msgpack.Decoder(StreamSnapshot).decode


def include_oldest(state: PartitionState, options: ProcessorOptions) -> None:
    """Quiet streams whose snapshots lie too far back go into the next checkpoint, as many as are in it anyway."""
    superseded = options.superseded_snapshots + options.superseded_per_stream * len(state.streams)
    oldest_wanted = state.snapshots_next - superseded
    old = takewhile(lambda quiet: quiet[1] < oldest_wanted, _quiet(state))
    most = len(state.dirty) + len(state.evicted)
    state.dirty |= {name: None for name, _ in islice(old, most)}


def checkpoint_records(state: PartitionState, fingerprint: str) -> Iterator[OutgoingRecord]:
    """What brings the snapshots up to the state as it is now; every event of it must be committed already."""
    topic, partition = state.snapshots
    for name in state.evicted:
        yield OutgoingRecord(topic, partition, name.encode(), None)
    for name in state.dirty:
        live = state.streams[name]
        yield OutgoingRecord(topic, partition, live.key, _encode(_snapshot(live, fingerprint)))
    start = next((offset for _, offset in _quiet(state)), state.snapshots_next)
    checkpoint = Checkpoint(fingerprint, state.events_next, state.head, state.recorded_at, start)
    yield OutgoingRecord(topic, partition, CHECKPOINT_KEY, _encode(checkpoint))


def mark_checkpointed(state: PartitionState, now: datetime) -> None:
    for name in (*state.evicted, *state.dirty):
        state.snapshot_offsets.pop(name, None)
    state.snapshot_offsets |= dict.fromkeys(state.dirty, state.snapshots_next)
    state.dirty.clear()
    state.evicted.clear()
    postpone_checkpoint(state, now)


def postpone_checkpoint(state: PartitionState, now: datetime) -> None:
    """The next one after as many further events, or as much time, as usual."""
    state.events_since_checkpoint = 0
    state.checkpoint_at = now


def snapshots_from(checkpoint: Record) -> int:
    """Where to begin reading. One that can't be read says nothing about it: at the first."""
    try:
        return _decode_checkpoint(checkpoint.value or b"").snapshots_from
    except msgspec.DecodeError:
        return 0


def load(state: PartitionState, latest: Mapping[bytes, Record], kinds: Kinds, fingerprint: str) -> Beginning:
    """Fill an empty `state` from the latest record of each key, where they are usable. Answers what it begins with."""
    if CHECKPOINT_KEY not in latest:
        return "first-event"
    try:
        checkpoint = _decode_checkpoint(latest[CHECKPOINT_KEY].value or b"")
        if checkpoint.fingerprint != fingerprint:
            log.warning("snapshots of %s:%d were made by other code; folding all events instead", *state.events)
            return "foreign-snapshots"
        streams = {key.decode(): record for key, record in latest.items() if key != CHECKPOINT_KEY}
        found = {name: _decode_stream(record.value or b"") for name, record in streams.items()}
    except msgspec.DecodeError as error:
        log.warning(
            "snapshots of %s:%d can't be read by this code (%s); folding all events instead", *state.events, error
        )
        return "foreign-snapshots"
    state.events_next = checkpoint.events_next
    state.head = checkpoint.chain
    state.recorded_at = checkpoint.recorded_at
    for name, snapshot in found.items():
        kind = kinds.get(Stream.parse(name).kind)
        # After a change of code the first checkpoint holds every live stream, so what is older has left since.
        if kind is not None and snapshot.fingerprint == fingerprint:
            state.add(_revive(LiveStream(name, kind), snapshot))
            state.snapshot_offsets[name] = streams[name].offset
    return "snapshots"


def _quiet(state: PartitionState) -> Iterator[tuple[str, int]]:
    """The streams that the next checkpoint does not write, with the offsets of their snapshots; oldest first."""
    written = state.dirty.keys() | state.evicted.keys()
    return ((name, offset) for name, offset in state.snapshot_offsets.items() if name not in written)


def _snapshot(live: LiveStream, fingerprint: str) -> StreamSnapshot:
    return StreamSnapshot(
        fingerprint,
        live.version,
        live.facts,
        live.correlation_id,
        live.touched_at,
        list(live.remembered),
        msgspec.Raw(live.kind.encode_state(live.state)),
    )


def _revive(live: LiveStream, snapshot: StreamSnapshot) -> LiveStream:
    live.version = snapshot.version
    live.facts = snapshot.facts
    live.correlation_id = snapshot.correlation_id
    live.touched_at = snapshot.touched_at
    live.remembered = dict.fromkeys(snapshot.remembered)
    live.state = live.kind.decode_state(snapshot.state)
    return live
