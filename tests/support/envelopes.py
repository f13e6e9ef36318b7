"""Events as the log has them, made by hand."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import encode_event
from core.eventlog.serialization import Message
from core.ports import Record

AT = datetime(2026, 11, 20, 12, 30, 1, 250, tzinfo=UTC)


def envelope(stream: str, message: Message, **changes: Any) -> EventEnvelope:
    values: dict[str, Any] = {
        "event_id": f"event-of-{message.TYPE}",
        "type": message.TYPE,
        "schema_version": message.VERSION,
        "stream": stream,
        "stream_version": 1,
        "recorded_at": AT,
        "region": "us-east",
        "actor": "somebody",
        "correlation_id": "c" * 32,
        "causation_id": "x",
        "chain": "",
        "data": msgspec.Raw(msgspec.json.encode(message)),
    }
    return EventEnvelope(**(values | changes))


def record_of(event: EventEnvelope, topic: str, offset: int = 0) -> Record:
    return Record(topic, 0, offset, event.stream.encode(), encode_event(event))
