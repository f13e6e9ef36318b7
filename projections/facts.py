"""An event as the views get it, and the decoding of a record into one.

Text in the log may hold NUL, which Postgres can't store; views get U+FFFD in its place. The audit view keeps
an event's data as written.
"""

import re
from typing import Any, NamedTuple

import msgspec

from core.catalog.events import APP_EVENTS, PRINCIPAL_EVENTS, RELEASE_EVENTS
from core.concurrency.events import EVENTS as CONCURRENCY_EVENTS
from core.deployments.events import EVENTS as DEPLOYMENT_EVENTS
from core.environments.events import EVENTS as ENVIRONMENT_EVENTS
from core.eventlog.envelope import EventEnvelope
from core.eventlog.serialization import Catalogue, UnknownMessage
from core.notifications.events import SUBSCRIPTION_EVENTS
from core.pools.events import EVENTS as POOL_EVENTS
from core.ports import Record
from core.rollouts.events import EVENTS as ROLLOUT_EVENTS
from core.runs.events import EVENTS as RUN_EVENTS

CATALOGUES: dict[str, Catalogue] = {
    "app": APP_EVENTS,
    "principal": PRINCIPAL_EVENTS,
    "subscription": SUBSCRIPTION_EVENTS,
    "release": RELEASE_EVENTS,
    "run": RUN_EVENTS,
    "concurrency": CONCURRENCY_EVENTS,
    "pool": POOL_EVENTS,
    "environment": ENVIRONMENT_EVENTS,
    "deployment": DEPLOYMENT_EVENTS,
    "rollout": ROLLOUT_EVENTS,
}

_decode_envelope = msgspec.json.Decoder(EventEnvelope).decode
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Unreadable(Exception):
    """A record that this code can't read. To pass over it would make the views wrong: the partition halts."""


class Fact(NamedTuple):
    """An event, typed, with its place. `id` is the stream's id without its kind."""

    event: EventEnvelope
    message: Any
    id: str
    record: Record

    @property
    def at(self) -> Any:
        return self.event.recorded_at


def read_envelope(record: Record) -> tuple[EventEnvelope, str]:
    """The envelope, and its data as written. Raises Unreadable."""
    value = record.value or b""
    try:
        envelope = _decode_envelope(value)
        written = bytes(envelope.data).decode()
        if b"\\u0000" in value:
            envelope = _decode_envelope(without_nul(value))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"not an event: {error}") from error
    return envelope, written


def catalogue_of(envelope: EventEnvelope) -> tuple[str, Catalogue]:
    """The stream's id and the catalogue of its kind. Raises Unreadable for a type this code does not know."""
    kind, _, identity = envelope.stream.partition("/")
    catalogue = CATALOGUES.get(kind)
    if catalogue is None or not identity:
        raise Unreadable(f"stream '{envelope.stream}' is of a kind this version of Sealane does not know")
    if envelope.type not in catalogue:
        raise Unreadable(f"event '{envelope.type}' of {kind} is unknown to this version of Sealane")
    return identity, catalogue


def read_message(envelope: EventEnvelope, catalogue: Catalogue) -> Any:
    """The typed event. Raises Unreadable."""
    try:
        return catalogue.decode(envelope.type, envelope.schema_version, envelope.data)
    except (UnknownMessage, LookupError, msgspec.DecodeError) as error:
        raise Unreadable(f"event '{envelope.type}': {error}") from error


def without_nul(value: bytes) -> bytes:
    """JSON with U+FFFD for each escaped NUL."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", value)
