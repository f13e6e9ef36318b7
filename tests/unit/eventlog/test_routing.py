"""One way from a command to its record, and the headers of events."""

import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from core.eventlog.envelope import CommandEnvelope, Position, Stream
from core.eventlog.headers import decision_headers, decision_part, history, history_headers
from core.eventlog.routing import context_of, decode_command, make_command, route, to_record
from core.eventlog.serialization import UnknownMessage
from core.eventlog.topics import Topology
from core.ids import derived_id
from tests.support.counter import COMMANDS, Add, Added

TOPOLOGY = Topology(("us-east", "eu-west"), partitions_per_region=3)


def command(stream: str = "run/x", region: str = "us-east", hint: tuple[int, int] | None = None) -> CommandEnvelope:
    return make_command(
        command_id="c1",
        stream=Stream.parse(stream),
        region=region,
        command=Add(amount=2),
        catalogue=COMMANDS,
        actor="me",
        correlation_id="t",
        causation_id="",
        issued_at=datetime(2026, 1, 1, tzinfo=UTC),
        wants_reply=True,
        hint=hint,
    )


def test_command_goes_to_the_topic_of_its_kind_and_the_block_of_its_region() -> None:
    topic, partition, key = route(TOPOLOGY, "eu-west", Stream("pool", "eu-west/default"))

    assert topic == "sealane.pools.commands"
    assert partition in TOPOLOGY.block("eu-west")
    assert key == b"pool/eu-west/default"


def test_kinds_with_the_same_id_have_different_keys() -> None:
    assert route(TOPOLOGY, "us-east", Stream("app", "x"))[2] != route(TOPOLOGY, "us-east", Stream("principal", "x"))[2]


def test_record_holds_the_command_as_it_was_made() -> None:
    made = command(hint=(3, 9))

    record = to_record(TOPOLOGY, made)

    assert (record.topic, record.partition, record.key) == route(TOPOLOGY, "us-east", Stream("run", "x"))
    assert record.value is not None
    assert decode_command(record.value) == made
    assert COMMANDS.decode(made.type, 1, made.data) == Add(amount=2)


def test_unknown_kind_and_region_are_named() -> None:
    with pytest.raises(KeyError, match="unknown kind of stream 'cat'"):
        context_of(Stream("cat", "tom"))
    with pytest.raises(KeyError, match="unknown region 'mars'"):
        to_record(TOPOLOGY, command(region="mars"))


def test_command_of_another_aggregate_is_refused() -> None:
    with pytest.raises(UnknownMessage, match="Added"):
        make_command(
            command_id="c1",
            stream=Stream("run", "x"),
            region="us-east",
            command=Added(amount=2),
            catalogue=COMMANDS,
            actor="me",
            correlation_id="t",
            causation_id="",
            issued_at=datetime(2026, 1, 1, tzinfo=UTC),
        )


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b'{"command_id":1}', b"\xff"])
def test_bytes_that_are_no_command_are_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_command(value)


@pytest.mark.parametrize("text", ["", "run", "run/", "/x"])
def test_text_that_is_no_stream_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a stream"):
        Stream.parse(text)


def test_stream_and_position_survive_being_text() -> None:
    assert Stream.parse("pool/eu-west/default") == Stream("pool", "eu-west/default")
    position = Position("sealane.runs.events", 3, 77)
    assert Position.parse(str(position)) == position


def test_decision_header_tells_part_and_whole() -> None:
    assert [decision_part(decision_headers(n, 3)) for n in range(3)] == [(1, 3), (2, 3), (3, 3)]
    assert decision_headers(0, 1) == ()
    assert decision_part(()) == (1, 1)


def test_history_header_tells_where_a_stream_began_and_ended() -> None:
    assert history(decision_headers(0, 2) + history_headers((5, 90))) == (5, 90)
    assert history(decision_headers(0, 2)) is None


def test_derived_ids_are_uuids_of_version_5_that_never_change() -> None:
    assert derived_id("a", 1) == derived_id("a", "1")
    assert derived_id("a", 1) != derived_id("a1")
    assert derived_id("test", 0) == "d3cc89cc-8ad6-588c-9ecd-6b0e44118578"
    assert uuid.UUID(derived_id("test", 0)).version == 5
