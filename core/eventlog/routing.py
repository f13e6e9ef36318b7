"""Where a command goes: one answer for gateway, connectors and the processor shell.

The record key is the stream's text (`run/us-east-0123456789abcdef`), so that aggregates of different kinds with
the same id don't meet; the partition is the key's place in the block of the region.
"""

from datetime import datetime
from functools import lru_cache

import msgspec

from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Stream
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import CONTEXT_OF_KIND, Topology, commands_topic
from core.ports import OutgoingRecord

_encoder = msgspec.json.Encoder()
_command_decoder = msgspec.json.Decoder(CommandEnvelope)
_event_decoder = msgspec.json.Decoder(EventEnvelope)


def context_of(stream: Stream) -> str:
    """The bounded context that decides about this stream. Raises KeyError for a kind that belongs to none."""
    context = CONTEXT_OF_KIND.get(stream.kind)
    if context is None:
        raise KeyError(f"unknown kind of stream '{stream.kind}' (known: {', '.join(sorted(CONTEXT_OF_KIND))})")
    return context


@lru_cache(maxsize=65536)
def route(topology: Topology, region: str, stream: Stream) -> tuple[str, int, bytes]:
    """(commands topic, partition, key) of a command for `stream`. Raises KeyError for an unknown region or kind."""
    key = str(stream)
    return (
        commands_topic(context_of(stream)),
        topology.partition(region, key),
        key.encode(),
    )


def make_command(
    *,
    command_id: str,
    stream: Stream,
    region: str,
    command: Message,
    catalogue: Catalogue,
    actor: str,
    correlation_id: str,
    causation_id: str,
    issued_at: datetime,
    wants_reply: bool = False,
    hint: tuple[int, int] | None = None,
) -> CommandEnvelope:
    """The envelope of `command`. Raises UnknownMessage when `catalogue` (of the target aggregate) doesn't list it."""
    return CommandEnvelope(
        command_id=command_id,
        type=command.TYPE,
        schema_version=command.VERSION,
        stream=str(stream),
        region=region,
        actor=actor,
        correlation_id=correlation_id,
        causation_id=causation_id,
        issued_at=issued_at,
        wants_reply=wants_reply,
        hint=hint,
        data=catalogue.encode(command),
    )


def to_record(topology: Topology, envelope: CommandEnvelope) -> OutgoingRecord:
    """The record that carries a command. Raises KeyError for an unknown region or kind, ValueError for a bad stream."""
    topic, partition, key = route(topology, envelope.region, Stream.parse(envelope.stream))
    return OutgoingRecord(topic, partition, key, _encoder.encode(envelope))


def encode_event(event: EventEnvelope) -> bytes:
    """An event as it is stored."""
    return _encoder.encode(event)


def decode_command(value: bytes) -> CommandEnvelope:
    """A stored command. Raises msgspec.DecodeError (ValidationError where fields don't fit)."""
    return _command_decoder.decode(value)


def decode_event(value: bytes) -> EventEnvelope:
    """A stored event. Raises msgspec.DecodeError (ValidationError where fields don't fit)."""
    return _event_decoder.decode(value)
