"""What is restored equals what was lost, from snapshots or without them; what can't be understood halts loudly."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.aggregate import SHELL_EVENTS
from core.eventlog.routing import decode_event, encode_event
from core.eventlog.serialization import Catalogue
from core.eventlog.topics import snapshots_topic
from core.ports import OutgoingRecord, TopicPartition
from tests.support.counter import Add, Added, Finish, Forward, Remind, counter
from tests.support.plant import OPTIONS, Plant

RUNS_US = TopicPartition("sealane.runs.commands", 0)
RUNS_EU = TopicPartition("sealane.runs.commands", 1)


def busy_plant() -> Plant:
    """Some history in several streams, partitions and contexts, with snapshots on the way."""
    plant = Plant()
    processor = plant.processor("p1")
    for n in range(30):
        plant.send(
            plant.command(f"run/{n % 3}", Add(amount=n, times=n % 3)),
            plant.command(f"run/{n % 4}", Add(amount=-n), region="eu-west"),
            plant.command(f"run/{n % 2}", Forward(region="eu-west", kind="app", id=f"{n % 5}", amount=n)),
            plant.command(f"run/{n % 2}", Remind(seconds=n)),
        )
        plant.settle(processor)
    processor.close()
    return plant


def test_restored_state_is_that_of_the_one_that_crashed() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    for n in range(23):
        plant.send(plant.command(f"run/{n % 3}", Add(amount=n, times=n % 3)))
        plant.settle(processor)

    assert processor.metrics.checkpoints > 2
    crashed = plant.images(processor)
    assert plant.restored_images() == crashed


def test_deleting_all_snapshots_changes_nothing() -> None:
    plant = busy_plant()
    with_snapshots = plant.restored_images()
    for where in plant.log.all_partitions():
        if where.topic.endswith(".snapshots"):
            plant.log.partition(where).truncate()

    assert plant.restored_images() == with_snapshots


def test_compacted_snapshots_restore_the_same() -> None:
    plant = busy_plant()
    before = plant.restored_images()
    for where in plant.log.all_partitions():
        if where.topic.endswith(".snapshots"):
            plant.log.partition(where).compact()

    assert plant.restored_images() == before


def test_snapshots_of_other_code_are_ignored() -> None:
    plant = busy_plant()
    other = replace(OPTIONS, code_version="2")

    newcomer = plant.processor("newcomer", other)
    state = newcomer.restorer.restore("runs", 0, None)

    assert state.image() == plant.restored_images()[RUNS_US]
    assert newcomer.metrics.restored_events == len(plant.log.partition(state.events).read(0, 10**6)[0])


def test_first_checkpoint_after_a_change_of_code_holds_every_stream() -> None:
    plant = busy_plant()
    other = replace(OPTIONS, code_version="2")
    processor = plant.processor("p2", other)
    plant.settle(processor)
    plant.send(*(plant.command("run/0", Add()) for _ in range(20)))
    plant.settle(processor)
    plant.send(*(plant.command("run/0", Add()) for _ in range(20)))
    plant.settle(processor)

    newcomer = plant.processor("newcomer", other)
    state = newcomer.restorer.restore("runs", 0, None)

    assert newcomer.metrics.restored_events < 40
    assert state.image() == processor.partitions[RUNS_US].image()


def test_snapshot_younger_than_its_checkpoint_is_not_applied_twice() -> None:
    """A former owner's late checkpoint may lie behind a newer snapshot of a stream."""
    plant = Plant(options=replace(OPTIONS, checkpoint_events=1))
    processor = plant.processor("p1")
    for n in range(6):
        plant.send(plant.command("run/a", Add(amount=n)))
        plant.settle(processor)
    expected = plant.restored_images()
    checkpoints = [record for record in plant.records(snapshots_topic("runs")) if record.key == b"checkpoint"]
    late = checkpoints[1]
    plant.write(OutgoingRecord(late.topic, late.partition, late.key, late.value))

    assert plant.restored_images() == expected


def test_chain_goes_on_after_a_restart() -> None:
    plant = busy_plant()
    processor = plant.processor("p2")
    plant.send(plant.command("run/0", Add()))
    plant.settle(processor)

    plant.check_log()


def test_commands_are_remembered_over_a_restart() -> None:
    plant = Plant()
    first = plant.processor("p1")
    sent = plant.command("run/a", Add())
    plant.send(sent)
    plant.settle(first)
    first.close()

    second = plant.processor("p2")
    plant.send(sent)
    plant.settle(second)

    assert plant.types("run/a") == ["counter.added"]
    assert second.metrics.duplicates == 1


def test_memory_of_commands_is_bounded_and_restored_the_same() -> None:
    plant = Plant(options=replace(OPTIONS, remembered_commands=10))
    processor = plant.processor("p1")
    sent = [plant.command("run/a", Add()) for _ in range(57)]
    for command in sent:
        plant.send(command)
        plant.settle(processor, rounds=0)

    remembered = processor.partitions[RUNS_US].streams["run/a"].remembered
    assert 10 <= len(remembered) < 20
    assert list(remembered)[-10:] == [command.command_id for command in sent[-10:]]
    assert plant.restored_images() == plant.images(processor)


def without_added() -> Catalogue:
    return Catalogue(SHELL_EVENTS)


def edit_type(event: bytes) -> bytes:
    return event.replace(b'"counter.added"', b'"counter.vanished"')


def edit_version(event: bytes) -> bytes:
    return event.replace(b'"schema_version":1', b'"schema_version":99')


def edit_stream_version(event: bytes) -> bytes:
    return event.replace(b'"stream_version":2', b'"stream_version":3')


def edit_kind(event: bytes) -> bytes:
    return event.replace(b'"run/a"', b'"pool/a"')


def edit_syntax(event: bytes) -> bytes:
    return event[:-1]


@pytest.mark.parametrize("edit", [edit_type, edit_version, edit_stream_version, edit_kind, edit_syntax])
def test_event_that_is_not_understood_halts_its_partition_and_no_other(
    edit: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    plant = Plant()
    for_us, for_eu = (plant.command("run/a", Add(), region=region) for region in ("us-east", "eu-west"))
    event = plant.command("run/a", Add())
    original = plant_event(plant, version=2)
    plant.write(OutgoingRecord("sealane.runs.events", 0, b"run/a", plant_event(plant, version=1)))
    plant.write(OutgoingRecord("sealane.runs.events", 0, b"run/a", edit(original)))
    assert edit(original) != original
    processor = plant.processor("p1")
    plant.send(for_us, for_eu, event)
    with caplog.at_level(logging.CRITICAL, "sealane.processors"):
        plant.settle(processor)

    assert list(processor.metrics.halted) == ["sealane.runs.commands:0"]
    assert "sealane.runs.events:0:1" in caplog.text
    assert [each.region for each in plant.events_of_partition(1)] == ["eu-west"]
    assert plant.log.groups["processors"].offsets.get(RUNS_US) is None
    assert RUNS_EU in processor.partitions


def plant_event(plant: Plant, version: int) -> bytes:
    """An event as the processor would write it."""
    other = Plant()
    other.send(*(other.command("run/a", Add(), command_id=f"history-{n}") for n in range(version)))
    other.settle(other.processor("x"))
    return other.records("sealane.runs.events")[-1].value or b""


def test_halted_partition_is_taken_up_by_code_that_understands_it() -> None:
    plant = Plant()
    old = plant.processor("p1", aggregates=(counter("run", without_added()), counter("app")))
    plant.write(OutgoingRecord("sealane.runs.events", 0, b"run/a", plant_event(plant, version=1)))
    plant.send(plant.command("run/a", Add()))
    plant.settle(old)
    assert old.metrics.halted
    old.close()

    new = plant.processor("p2")
    plant.settle(new)

    assert plant.types("run/a") == ["counter.added"] * 2
    assert not new.metrics.halted


def test_sealed_events_decode_and_encode_to_the_same_bytes() -> None:
    plant = busy_plant()

    for record in plant.records("sealane.runs.events"):
        assert encode_event(decode_event(record.value or b"")) == record.value


def test_finished_and_waiting_streams_are_restored_as_such() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/a", Finish()), plant.command("run/b", Remind(seconds=5000)))
    plant.settle(processor)

    newcomer = plant.processor("newcomer")
    state = newcomer.restorer.restore("runs", 0, None)

    assert state.deadlines.earliest() == processor.partitions[RUNS_US].deadlines.earliest()
    assert state._retiring == processor.partitions[RUNS_US]._retiring
    assert Added.TYPE not in state.streams["run/a"].state.seen
