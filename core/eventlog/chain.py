"""The hash chain of a partition: a deleted, reordered or edited event breaks it at a place that can be named.

chain[n] = SHA-256(chain[n-1] + canonical bytes of event n), where the canonical bytes are the event's JSON
with an empty `chain`. The first event of a partition follows GENESIS.
"""

import hashlib

import msgspec

from core.eventlog.envelope import EventEnvelope

GENESIS = "0" * 64
_encoder = msgspec.json.Encoder()
_FIELD = b'"chain":"'
_DIGITS = 64


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


def stored_chain(value: bytes) -> str | None:
    """The chain value in an event's stored bytes; None: these are no event's bytes.

    The first `"chain":"` is the envelope's own field: quotes inside strings are escaped, and `data` comes last.
    """
    start = value.find(_FIELD) + len(_FIELD)
    end = start + _DIGITS
    if start < len(_FIELD) or value[end : end + 1] != b'"':
        return None
    return value[start:end].decode(errors="replace")


def link_stored(previous: str, value: bytes) -> str:
    """The chain value that stored bytes must carry after `previous`: of the bytes as they are, so that an envelope
    that gains a field later changes no chain. Raises ValueError where there is no chain field."""
    start = value.index(_FIELD) + len(_FIELD)
    return hashlib.sha256(previous.encode() + value[:start] + value[start + _DIGITS :]).hexdigest()
