"""The aggregates and policies of a processor, prepared for the hot loop: decoders by stored name, no lookups twice."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from core.aggregate import SHELL_EVENTS, Aggregate, Policy
from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Stream
from core.eventlog.routing import context_of
from core.eventlog.serialization import Message, UnknownMessage

SHELL_TYPES = frozenset(message.TYPE for message in SHELL_EVENTS)
_encode = msgspec.json.Encoder().encode


class Kind:
    """One aggregate with what the shell derives from it."""

    __slots__ = (
        "_event_types",
        "aggregate",
        "context",
        "decide",
        "decode_state",
        "encode_state",
        "evolve",
        "finished",
        "name",
    )

    def __init__(self, aggregate: Aggregate) -> None:
        self.aggregate = aggregate
        self.name = aggregate.kind
        self.context = context_of(Stream(aggregate.kind, "-"))
        self.decide = aggregate.decide
        self.evolve = aggregate.evolve
        self.finished = aggregate.finished
        self._event_types = frozenset((*aggregate.events.types, *SHELL_EVENTS))
        self.encode_state: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
        self.decode_state: Callable[[msgspec.Raw], Any] = _state_decoder(aggregate).decode

    def decode_event(self, event: EventEnvelope) -> Message:
        """The typed message. Raises UnknownMessage, LookupError (an upcast is missing) or msgspec.DecodeError."""
        return self.aggregate.events.decode(event.type, event.schema_version, event.data)

    def decode_command(self, command: CommandEnvelope) -> Message:
        """The typed message; an older version is lifted. Raises as decode_event."""
        return self.aggregate.commands.decode(command.type, command.schema_version, command.data)

    def encode_event(self, message: Message) -> msgspec.Raw:
        if type(message) not in self._event_types:
            raise UnknownMessage(f"{type(message).__name__} is not an event of '{self.name}'")
        return msgspec.Raw(_encode(message))


class Kinds:
    """All kinds by name, and the policies by event type."""

    def __init__(self, aggregates: Iterable[Aggregate], policies: Mapping[str, Sequence[Policy]]) -> None:
        self._kinds = {aggregate.kind: Kind(aggregate) for aggregate in aggregates}
        self.policies = {name: tuple(found) for name, found in policies.items()}
        self._fingerprints: dict[tuple[str, str], str] = {}

    @property
    def contexts(self) -> tuple[str, ...]:
        return tuple(sorted({kind.context for kind in self._kinds.values()}))

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def get(self, name: str) -> Kind | None:
        return self._kinds.get(name)

    def __getitem__(self, name: str) -> Kind:
        """Raises KeyError with the kinds there are."""
        if name not in self._kinds:
            raise KeyError(f"no aggregate of kind '{name}' here (known: {', '.join(sorted(self._kinds))})")
        return self._kinds[name]

    def fingerprint(self, context: str, code_version: str) -> str:
        """Changes with the shape of a state or the code version: a snapshot with another one must not be used."""
        known = self._fingerprints.get((context, code_version))
        if known is None:
            kinds = sorted(self._kinds.values(), key=lambda kind: kind.name)
            of_context = tuple(kind.aggregate for kind in kinds if kind.context == context)
            known = self._fingerprints[context, code_version] = _fingerprint(of_context, code_version)
        return known


# These take milliseconds for a state of some size, and are the same for all processors of a program.
@cache
def _state_decoder(aggregate: Aggregate) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(aggregate.state_type)


@cache
def _fingerprint(aggregates: tuple[Aggregate, ...], code_version: str) -> str:
    shapes = [(aggregate.kind, msgspec.json.schema(aggregate.state_type)) for aggregate in aggregates]
    text = msgspec.json.encode((code_version, shapes), order="deterministic")
    return hashlib.sha256(text).hexdigest()[:12]
