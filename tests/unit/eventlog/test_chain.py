"""The hash chain shows what was done to a partition."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from core.eventlog.chain import GENESIS, holds, link, seal
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_event, encode_event
from processors.sealing import seal_encoded


def event(number: int, data: bytes = b"{}") -> EventEnvelope:
    return EventEnvelope(
        event_id=f"e{number}",
        type="counter.added",
        schema_version=1,
        stream='run/"chain":""',
        stream_version=number,
        recorded_at=datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        region="us-east",
        actor='"chain":""',
        correlation_id="trace",
        causation_id=f"c{number}",
        chain="",
        data=msgspec.Raw(data),
    )


def sealed(count: int) -> list[EventEnvelope]:
    events: list[EventEnvelope] = []
    for number in range(count):
        events.append(seal(events[-1].chain if events else GENESIS, event(number)))
    return events


def breaks_at(events: list[EventEnvelope]) -> int | None:
    previous = GENESIS
    for number, each in enumerate(events):
        if not holds(previous, each):
            return number
        previous = each.chain
    return None


def test_untouched_chain_holds() -> None:
    assert breaks_at(sealed(5)) is None


@pytest.mark.parametrize(
    ("tamper", "place"),
    [
        (lambda events: events[:2] + events[3:], 2),
        (lambda events: [events[1], events[0], *events[2:]], 0),
        (lambda events: [*events[:3], msgspec.structs.replace(events[3], actor="mallory"), *events[4:]], 3),
        (lambda events: [*events[:4], msgspec.structs.replace(events[4], data=msgspec.Raw(b"[]"))], 4),
        (lambda events: [*events[:1], events[0], *events[1:]], 1),
    ],
    ids=["deleted", "swapped", "edited", "edited data", "repeated"],
)
def test_tampering_shows_at_its_place(tamper: Callable[[list[EventEnvelope]], list[EventEnvelope]], place: int) -> None:
    assert breaks_at(tamper(sealed(5))) == place


def test_link_does_not_depend_on_the_chain_value_that_is_there() -> None:
    bare = event(1)

    assert link(GENESIS, bare) == link(GENESIS, seal(GENESIS, bare))


@pytest.mark.parametrize("data", [b"{}", b'{"chain":""}', b'{"text":"\\"chain\\":\\"\\""}'])
def test_sealing_while_encoding_gives_the_same_bytes(data: bytes) -> None:
    """Also where the very text that is looked for stands elsewhere in the event."""
    bare = event(1, data)

    value, stored = seal_encoded(GENESIS, bare)

    assert (value, stored) == (link(GENESIS, bare), encode_event(seal(GENESIS, bare)))
    assert holds(GENESIS, decode_event(stored))
