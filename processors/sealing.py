"""Encode and chain an event in one go: the hot path of chain.py, equal to it byte for byte."""

import hashlib

from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import encode_event

_EMPTY = b'"chain":""'
_sha256 = hashlib.sha256


def seal_encoded(previous: str, event: EventEnvelope) -> tuple[str, bytes]:
    """(chain value, stored bytes) of `event`, whose chain is still empty.

    The first `"chain":""` is the envelope's own field: quotes inside strings are escaped, and `data` comes last.
    """
    canonical = encode_event(event)
    value = _sha256(previous.encode() + canonical).hexdigest()
    return value, canonical.replace(_EMPTY, b'"chain":"' + value.encode() + b'"', 1)
