"""The log as it is: every event (audit), deliveries as received, records that were put aside."""

import msgspec

from core.delivery import decode_delivery
from core.eventlog.dead_letters import DeadLetter
from core.eventlog.envelope import EventEnvelope
from core.ports import Record
from projections.changes import Changes
from projections.facts import Unreadable
from projections.tables.logbook import audit, dead_letters, deliveries, delivery_apps
from projections.views.handlers import as_json

_NUL = "\x00"
_decode_letter = msgspec.json.Decoder(DeadLetter).decode


def record_event(record: Record, event: EventEnvelope, written: str, changes: Changes) -> None:
    """`written` is the event's data, byte for byte: with it the chain can be checked from the view."""
    changes.of(audit).appends.append(
        (
            record.topic,
            record.partition,
            record.offset,
            event.event_id,
            event.type,
            event.schema_version,
            event.stream,
            event.stream_version,
            event.recorded_at,
            event.region,
            event.actor,
            event.correlation_id,
            event.causation_id,
            event.chain,
            written,
        )
    )


def record_delivery(record: Record, changes: Changes) -> None:
    """Raises Unreadable."""
    try:
        delivery = decode_delivery(record.value or b"")
    except msgspec.DecodeError as error:
        raise Unreadable(f"not a delivery: {error}") from error
    place = {"partition": record.partition, "log_offset": record.offset, "received_at": delivery.received_at}
    changes.put(
        deliveries,
        **place,
        delivery_id=_clean(delivery.delivery_id),
        forge=delivery.forge,
        event=_clean(delivery.event),
        apps=as_json(delivery.apps),
        headers=as_json({_clean(name): _clean(value) for name, value in delivery.headers.items()}),
        body=delivery.body,
        request_id=_clean(delivery.request_id),
        correlation_id=delivery.correlation_id,
        redelivery_of=delivery.redelivery_of,
    )
    for app in delivery.apps:
        changes.put(delivery_apps, app=app, **place)


def record_dead_letter(record: Record, changes: Changes) -> None:
    """Raises Unreadable."""
    try:
        letter = _decode_letter(record.value or b"")
    except msgspec.DecodeError as error:
        raise Unreadable(f"not a dead letter: {error}") from error
    source = f"{letter.topic}:{letter.partition}:{letter.offset}"
    headers = {"code": letter.code, "source": source, "command_id": letter.command_id, "stream": letter.stream}
    changes.put(
        dead_letters,
        partition=record.partition,
        log_offset=record.offset,
        recorded_at=letter.recorded_at,
        reason=_clean(f"{letter.code}: {letter.detail}"),
        headers=as_json({name: _clean(value) for name, value in headers.items()}),
        key=_clean((letter.key or b"").decode(errors="replace")),
        value=letter.value or b"",
    )


def _clean(text: str) -> str:
    return text.replace(_NUL, "\ufffd")
