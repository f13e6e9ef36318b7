"""The envelopes of everything that goes through the log: events (facts) and commands (requests).

`data` stays encoded until somebody needs its type; see serialization.py.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec


class Stream(NamedTuple):
    """The aggregate an envelope is about: its kind ("run") and its id ("us-east-0123456789abcdef")."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Stream":
        kind, _, identity = text.partition("/")
        if not kind or not identity:
            raise ValueError(f"'{text}' is not a stream (expected <kind>/<id>)")
        return cls(kind, identity)


class EventEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of the log. Never edited.

    `event_id` is a uuid5 of command id and index; `recorded_at` is UTC with microseconds; `causation_id` is
    the command's id; `stream_version` counts from 1 without gaps, but a refusal to a stream to which nothing has
    happened (or that has left memory, and no hint names its place) has 0: it is no part of a history; `chain` is 64
    hex digits (see chain.py); `data` is the JSON of the event's own struct.
    """

    event_id: str
    type: str
    schema_version: int
    stream: str
    stream_version: int
    recorded_at: datetime
    region: str
    actor: str
    correlation_id: str
    causation_id: str
    chain: str
    data: msgspec.Raw


class CommandEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One request to an aggregate. `schema_version` is that of `data`; commands of old have none and are of version 1.

    `wants_reply`: the sender waits for the decision, so a command that changes nothing is still answered by
    a `command.ignored` event. `hint` names where the stream's events lie, as (first, last) offsets in the
    events partition, for an aggregate that may have left memory; it only makes the load faster.
    """

    command_id: str
    type: str
    stream: str
    region: str
    actor: str
    correlation_id: str
    causation_id: str
    issued_at: datetime
    schema_version: int = 1
    wants_reply: bool = False
    hint: tuple[int, int] | None = None
    data: msgspec.Raw


class Position(msgspec.Struct, frozen=True, order=True):
    """Where a record lies in the log; as text it is the consistency token `<topic>:<partition>:<offset>`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        topic, partition, offset = text.rsplit(":", 2)
        return cls(topic, int(partition), int(offset))
