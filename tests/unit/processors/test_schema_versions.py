"""Older versions are lifted on read, newer ones refused by name: of commands, events and snapshots."""

import logging
from dataclasses import replace

import msgspec
import pytest

from core.eventlog.routing import decode_command
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.upcasting import Data, Upcasters
from core.ports import OutgoingRecord, TopicPartition
from processors.snapshots import CHECKPOINT_KEY
from tests.support.counter import COMMANDS, Added, counter
from tests.support.plant import OPTIONS, Plant

RUNS = TopicPartition("sealane.runs.commands", 0)


class AddNow(Message, frozen=True, kw_only=True):
    """`counter.add` as it is today: `count` was called `amount` in version 1."""

    TYPE = "counter.add"
    VERSION = 2
    count: int


def rename(data: Data) -> Data:
    return {"count": data["amount"]}


def todays_counter() -> Plant:
    upcasters = Upcasters()
    upcasters.register("counter.add", 1, rename)
    others = [each for each in COMMANDS.types if each.TYPE != "counter.add"]
    commands = Catalogue((*others, AddNow), upcasters)
    old = counter("run")

    def decide(state: object, command: object, now: object) -> tuple[Message, ...]:
        return (Added(amount=command.count),) if isinstance(command, AddNow) else ()

    return Plant(aggregates=(replace(old, decide=decide, commands=commands),))


def stored(version: int | None, data: bytes) -> OutgoingRecord:
    """A command as code of that time wrote it; at first none had a version."""
    fields: dict[str, object] = {
        "command_id": f"c{version}",
        "type": "counter.add",
        "stream": "run/a",
        "region": "us-east",
        "actor": "tester",
        "correlation_id": "trace",
        "causation_id": "cause",
        "issued_at": "2026-01-01T00:00:00Z",
        "data": msgspec.Raw(data),
    }
    if version is not None:
        fields["schema_version"] = version
    return OutgoingRecord("sealane.runs.commands", 0, b"run/a", msgspec.json.encode(fields))


@pytest.mark.parametrize("version", [None, 1])
def test_older_command_is_lifted(version: int | None) -> None:
    plant = todays_counter()
    processor = plant.processor("p")
    plant.write(stored(version, b'{"amount":7}'))
    plant.settle(processor)
    assert plant.state(processor, "run/a").total == 7


def test_command_of_this_version_is_taken_as_it_is() -> None:
    plant = todays_counter()
    processor = plant.processor("p")
    plant.write(stored(2, b'{"count":7}'))
    plant.settle(processor)
    assert plant.state(processor, "run/a").total == 7


def test_newer_command_is_refused_and_kept_as_a_dead_letter() -> None:
    plant = todays_counter()
    processor = plant.processor("p")
    plant.write(stored(3, b'{"count":7}'))
    plant.settle(processor)
    (letter,) = plant.dead_letters()
    assert letter.code == "command-too-new"
    assert "'counter.add' version 3 is newer than this code knows (2)" in letter.detail
    (event,) = plant.events()
    assert msgspec.json.decode(event.data)["code"] == "command-too-new"


def test_commands_are_written_with_their_version() -> None:
    plant = Plant()
    envelope = plant.command("run/a", next(iter((COMMANDS.decode("counter.add", 1, b"{}"),))))
    plant.send(envelope)
    (record,) = plant.records("sealane.runs.commands")
    assert decode_command(record.value or b"").schema_version == 1
    assert b'"schema_version":1' in (record.value or b"")


def test_newer_event_halts_with_its_type_and_version(caplog: pytest.LogCaptureFixture) -> None:
    plant = Plant()
    other = Plant()
    other.send(other.command("run/a", COMMANDS.decode("counter.add", 1, b"{}")))
    other.settle(other.processor("x"))
    event = other.records("sealane.runs.events")[0].value or b""
    newer = event.replace(b'"schema_version":1', b'"schema_version":4')
    plant.write(OutgoingRecord("sealane.runs.events", 0, b"run/a", newer))
    processor = plant.processor("p")
    with caplog.at_level(logging.CRITICAL, "sealane.processors"):
        plant.settle(processor)
    assert "'counter.added' version 4 is newer than this code knows (1)" in caplog.text
    assert "run a version of Sealane that knows it" in caplog.text
    assert list(processor.metrics.halted) == ["sealane.runs.commands:0"]


@pytest.mark.parametrize("value", [b"\x93\xa1x\x01\xa1y", b"not msgpack at all"])
def test_checkpoint_of_another_layout_is_not_used_and_said(caplog: pytest.LogCaptureFixture, value: bytes) -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=1))
    processor = plant.processor("p")
    for _ in range(3):
        plant.send(plant.command("run/a", COMMANDS.decode("counter.add", 1, b"{}")))
        plant.settle(processor)
    expected = plant.restored_images()
    plant.write(OutgoingRecord("sealane.runs.snapshots", 0, CHECKPOINT_KEY, value))
    with caplog.at_level(logging.WARNING, "sealane.processors"):
        assert plant.restored_images() == expected
    assert "snapshots of sealane.runs.events:0 can't be read by this code" in caplog.text


def test_snapshots_of_other_code_are_not_used_and_said(caplog: pytest.LogCaptureFixture) -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=1))
    processor = plant.processor("p")
    for _ in range(3):
        plant.send(plant.command("run/a", COMMANDS.decode("counter.add", 1, b"{}")))
        plant.settle(processor)
    with caplog.at_level(logging.WARNING, "sealane.processors"):
        plant.restored_images(replace(OPTIONS, code_version="2"))
    assert "snapshots of sealane.runs.events:0 were made by other code" in caplog.text
