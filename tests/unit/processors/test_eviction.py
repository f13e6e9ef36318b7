"""Finished streams leave memory, come back by a hint, and both look the same to whoever restores."""

from dataclasses import replace

import pytest

from core.ports import TopicPartition
from processors.shell import Processor
from tests.support.counter import Add, Finish, counter
from tests.support.plant import OPTIONS, Plant

RUNS_US = TopicPartition("sealane.runs.commands", 0)


def in_memory(processor: Processor) -> list[str]:
    return sorted(processor.partitions[RUNS_US].streams)


def history_of(plant: Plant, stream: str) -> tuple[int, int]:
    """What a projection would give as hint."""
    offsets = [record.offset for record in plant.records("sealane.runs.events") if record.key == stream.encode()]
    return offsets[0], offsets[-1]


def plant_with_departed() -> tuple[Plant, Processor]:
    """`run/old` was finished long ago and has left."""
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/old", Add(amount=5)), plant.command("run/new", Add()))
    plant.settle(processor)
    plant.send(plant.command("run/old", Finish()))
    plant.settle(processor)
    plant.clock.advance(4000)
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)
    return plant, processor


def test_finished_stream_leaves_when_later_events_say_that_time_has_passed() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/old", Finish()))
    plant.settle(processor)

    plant.clock.advance(3500)
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)
    assert in_memory(processor) == ["run/new", "run/old"]
    plant.clock.advance(3500)
    plant.settle(processor)
    assert in_memory(processor) == ["run/new", "run/old"]
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)

    assert in_memory(processor) == ["run/new"]
    assert processor.metrics.evictions == 1
    assert plant.restored_images() == plant.images(processor)


def test_event_of_a_finished_stream_lets_it_stay_longer() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/old", Finish()))
    plant.settle(processor)
    plant.clock.advance(3000)
    plant.send(plant.command("run/old", Add()))
    plant.settle(processor)
    plant.clock.advance(3000)
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)

    assert in_memory(processor) == ["run/new", "run/old"]


def test_stream_to_which_nothing_but_refusals_happened_leaves_too() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/guess", Add(amount=-1)))
    plant.settle(processor)
    plant.clock.advance(4000)
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)

    assert in_memory(processor) == ["run/new"]


def test_snapshot_of_a_departed_stream_is_deleted() -> None:
    plant, processor = plant_with_departed()
    for _ in range(2):
        plant.send(*(plant.command("run/new", Add()) for _ in range(10)))
        plant.settle(processor)

    latest = {record.key: record.value for record in plant.records("sealane.runs.snapshots")}
    assert latest[b"run/old"] is None
    assert latest[b"run/new"] is not None


def test_hint_brings_a_departed_stream_back_with_its_history() -> None:
    plant, processor = plant_with_departed()
    plant.send(plant.command("run/old", Add(amount=1), hint=history_of(plant, "run/old")))
    plant.settle(processor)

    assert plant.state(processor, "run/old").total == 6
    assert plant.events()[-1].stream_version == 3
    assert processor.metrics.cold_loads == 1
    plant.check_log()


def test_what_came_back_is_restored_the_same() -> None:
    plant, processor = plant_with_departed()
    plant.send(plant.command("run/old", Add(amount=1, times=2), hint=history_of(plant, "run/old")))
    plant.settle(processor)
    expected = plant.images(processor)

    assert plant.restored_images() == expected
    assert plant.restored_images(replace(OPTIONS, code_version="from the first event")) == expected


def test_command_that_was_decided_before_the_stream_left_is_still_known_with_a_hint() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    sent = plant.command("run/old", Finish())
    plant.send(sent)
    plant.settle(processor)
    plant.clock.advance(4000)
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)

    plant.send(plant.command("run/old", Finish(), command_id=sent.command_id, hint=history_of(plant, "run/old")))
    plant.settle(processor)

    assert plant.types("run/old") == ["counter.finished"]
    assert processor.metrics.duplicates == 1


def test_hint_for_a_stream_in_memory_is_not_needed() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/a", Add()), plant.command("run/a", Add(), hint=(700, 800)))
    plant.settle(processor)

    assert plant.types("run/a") == ["counter.added"] * 2
    assert processor.metrics.cold_loads == 0


def test_hint_that_misses_the_beginning_is_refused_and_nothing_is_invented() -> None:
    plant, processor = plant_with_departed()
    _, last = history_of(plant, "run/old")
    plant.send(plant.command("run/old", Add(), hint=(last, last)))
    plant.settle(processor)

    (letter,) = plant.dead_letters()
    assert letter.code == "history-not-found"
    assert "expected 1" in letter.detail
    assert plant.types("run/old") == ["counter.added", "counter.finished"]


@pytest.mark.parametrize("hint", [None, (0, 0), (5_000, 9_000), (9, 3)])
def test_stream_without_history_is_new(hint: tuple[int, int] | None) -> None:
    plant, processor = plant_with_departed()
    plant.send(plant.command("run/never", Add(), hint=hint))
    plant.settle(processor)

    assert plant.types("run/never") == ["counter.added"]
    assert plant.restored_images() == plant.images(processor)


def versions_of(plant: Plant, stream: str) -> list[int]:
    return [event.stream_version for event in plant.events() if event.stream == stream]


def test_refusal_to_a_stream_that_has_left_is_no_part_of_its_history() -> None:
    plant, processor = plant_with_departed()
    hint = history_of(plant, "run/old")
    plant.send(plant.command("run/old", Add(amount=-1)))
    plant.settle(processor)
    plant.send(plant.command("run/old", Add(amount=1), hint=hint))
    plant.settle(processor)

    assert versions_of(plant, "run/old") == [1, 2, 0, 3]
    assert plant.state(processor, "run/old").total == 6
    assert plant.restored_images() == plant.images(processor)
    assert plant.restored_images(replace(OPTIONS, code_version="2")) == plant.images(processor)


def test_command_that_was_refused_while_its_stream_was_away_is_not_decided_again() -> None:
    plant, processor = plant_with_departed()
    hint = history_of(plant, "run/old")
    refused = plant.command("run/old", Add(amount=-1))
    plant.send(refused)
    plant.settle(processor)
    plant.send(plant.command("run/old", Add(amount=1), hint=hint), refused)
    plant.settle(processor)

    assert plant.types("run/old").count("command.rejected") == 1


def test_stream_that_recurs_goes_on_with_its_versions() -> None:
    aggregates = (replace(counter("run"), recurs=True), counter("app"))
    plant = Plant(aggregates=aggregates)
    processor = plant.processor("p1")
    plant.send(plant.command("run/group", Add(amount=1)), plant.command("run/group", Finish()))
    plant.settle(processor)
    plant.clock.advance(4000)
    plant.send(plant.command("run/other", Add(amount=1)))
    plant.settle(processor)
    plant.send(plant.command("run/group", Add(amount=1)))
    plant.settle(processor)

    assert versions_of(plant, "run/group") == [1, 2, 3]
    assert plant.restored_images() == plant.images(processor)


def test_refusals_keep_their_stream_in_memory_from_the_last_one_on() -> None:
    """Whether it was there all along or came back from a snapshot."""
    plant = Plant()
    processor = plant.processor("p1")
    for _ in range(3):
        plant.send(plant.command("run/guess", Add(amount=-1)))
        plant.settle(processor)
        plant.clock.advance(2000)
    plant.send(plant.command("run/new", Add()))
    plant.settle(processor)

    assert in_memory(processor) == ["run/guess", "run/new"]
    assert plant.restored_images() == plant.images(processor)
