"""The hash chain of a partition: a deleted, reordered or edited event breaks it at a place that can be named.

chain[n] = SHA-256(chain[n-1] + canonical bytes of event n), where the canonical bytes are the event's JSON
with an empty `chain`. The first event of a partition follows GENESIS.
"""

import hashlib

import msgspec

from core.eventlog.envelope import EventEnvelope

GENESIS = "0" * 64
_encoder = msgspec.json.Encoder()


def link(previous: str, event: EventEnvelope) -> str:
    """The chain value of `event` after `previous`, as 64 hex digits."""
    canonical = event if event.chain == "" else msgspec.structs.replace(event, chain="")
    return hashlib.sha256(previous.encode() + _encoder.encode(canonical)).hexdigest()


def seal(previous: str, event: EventEnvelope) -> EventEnvelope:
    """`event` (whose chain is still empty) with its chain value filled in."""
    return msgspec.structs.replace(event, chain=link(previous, event))


def holds(previous: str, event: EventEnvelope) -> bool:
    """Whether `event` follows `previous` unaltered."""
    return event.chain == link(previous, event)
