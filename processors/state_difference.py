"""The first difference between two states of a partition that should be equal, as a sentence."""

from collections.abc import Mapping
from typing import Any

import msgspec

from processors.partition_state import LiveStream, PartitionState

_MISSING = object()


def first_difference(folded: PartitionState, restored: PartitionState) -> str | None:
    """`folded` from the first event on, `restored` from snapshots and what follows them. None: byte for byte equal."""
    if folded.image() == restored.image():
        return None
    for name in sorted(folded.streams.keys() | restored.streams.keys()):
        ours, theirs = folded.streams.get(name), restored.streams.get(name)
        if ours is None or theirs is None:
            return f"{name} is in {'the snapshots' if ours is None else 'the events'} only"
        place, one, other = _differing(_plain(ours), _plain(theirs), name)
        if place:
            return f"{place} is {_short(one)} by the events and {_short(other)} by the snapshots"
    if folded.head != restored.head:
        return f"the chain's head is {folded.head} by the events and {restored.head} by the snapshots"
    return f"the last event is of {folded.recorded_at} by the events and of {restored.recorded_at} by the snapshots"


def _plain(live: LiveStream) -> Any:
    parts = {name: getattr(live, name) for name in ("version", "facts", "correlation_id", "touched_at", "state")}
    # As written: dicts keep their order, which is part of a state.
    return msgspec.msgpack.decode(msgspec.msgpack.encode(parts | {"remembered": list(live.remembered)}))


def _differing(one: Any, other: Any, place: str) -> tuple[str, Any, Any]:
    """Where, and the two values there; an empty place where all is equal."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            found = _differing(one.get(key, _MISSING), other.get(key, _MISSING), f"{place}.{key}")
            if found[0]:
                return found
        return (f"the order of {place}", list(one), list(other)) if list(one) != list(other) else ("", None, None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            found = _differing(*pair, f"{place}[{index}]")
            if found[0]:
                return found
        return "", None, None
    return (place, one, other) if one != other else ("", None, None)


def _short(value: Any) -> str:
    return "missing" if value is _MISSING else f"{value!r:.200}"
