"""When checkpoints are made, and what a restore saves by them."""

import logging
from dataclasses import replace

import pytest

from core.notifications.aggregate import SUBSCRIPTION
from core.notifications.commands import SUBSCRIPTION_COMMANDS, CreateSubscription, Notify
from core.notifications.notification import Notification, Sink
from core.ports import TopicPartition
from tests.support.counter import Add, counter
from tests.support.plant import OPTIONS, Plant

RUNS_US = TopicPartition("sealane.runs.commands", 0)


def add(plant: Plant, count: int, stream: str = "run/a") -> None:
    plant.send(*(plant.command(stream, Add()) for _ in range(count)))


def test_checkpoint_follows_after_as_many_events_as_set() -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=10))
    processor = plant.processor("p1")
    add(plant, 9)
    plant.settle(processor)
    assert not plant.records("sealane.runs.snapshots")

    add(plant, 1)
    plant.settle(processor)

    keys = [record.key for record in plant.records("sealane.runs.snapshots")]
    assert keys == [b"run/a", b"checkpoint"]
    assert processor.metrics.checkpoints == 1


def test_idle_partition_is_checkpointed_after_its_time() -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=1000, checkpoint_seconds=30))
    processor = plant.processor("p1")
    add(plant, 1)
    plant.settle(processor)
    plant.clock.advance(31)
    plant.settle(processor)
    plant.clock.advance(31)
    plant.settle(processor)

    assert processor.metrics.checkpoints == 1
    assert [record.key for record in plant.records("sealane.runs.snapshots")] == [b"run/a", b"checkpoint"]


def test_many_busy_streams_are_checkpointed_less_often() -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=10, events_per_snapshot=10))
    processor = plant.processor("p1")
    for n in range(50):
        add(plant, 1, f"run/{n}")
    plant.settle(processor)

    assert processor.metrics.checkpoints == 0


def test_only_streams_that_changed_are_written() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    for stream in ("run/a", "run/b"):
        add(plant, 5, stream)
        plant.settle(processor)

    keys = [record.key for record in plant.records("sealane.runs.snapshots")]
    assert keys == [b"run/a", b"checkpoint", b"run/b", b"checkpoint"]


def test_restore_reads_only_the_events_after_the_checkpoint() -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=100))
    processor = plant.processor("p1")
    add(plant, 100)
    plant.settle(processor)
    add(plant, 3)
    plant.settle(processor)

    newcomer = plant.processor("newcomer")
    state = newcomer.restorer.restore("runs", 0, None)

    assert newcomer.metrics.restored_events == 3
    assert state.image() == processor.partitions[RUNS_US].image()


def test_handing_over_leaves_nothing_to_replay() -> None:
    plant = Plant(options=replace(OPTIONS, checkpoint_events=1000))
    processor = plant.processor("p1")
    add(plant, 7)
    plant.settle(processor)
    image = processor.partitions[RUNS_US].image()
    processor.close()

    newcomer = plant.processor("p2")
    plant.settle(newcomer)

    assert newcomer.metrics.restored_events == 0
    assert newcomer.partitions[RUNS_US].image() == image


def test_snapshot_that_is_too_large_costs_only_time(caplog: pytest.LogCaptureFixture) -> None:
    plant = Plant(options=replace(OPTIONS, max_snapshot_bytes=100))
    processor = plant.processor("p1")
    with caplog.at_level(logging.ERROR, "sealane.processors"):
        for _ in range(4):
            add(plant, 5)
            plant.settle(processor)

    assert processor.metrics.skipped_checkpoints == 4
    assert "too large" in caplog.text
    assert not plant.records("sealane.runs.snapshots")
    assert plant.types("run/a") == ["counter.added"] * 20
    assert plant.restored_images() == plant.images(processor)


def test_state_that_is_larger_than_any_event_may_be_is_checkpointed() -> None:
    plant = Plant(
        options=replace(OPTIONS, checkpoint_events=10), aggregates=(counter("run"), counter("app"), SUBSCRIPTION)
    )
    processor = plant.processor("p1")
    sink = Sink("webhook", url="https://hooks.example.com")
    made = [Notification(id=f"m{number}", type="x", event={"text": "x" * 100_000}, title="") for number in range(12)]
    commands = (CreateSubscription(name="ops", sink=sink), *(Notify(notification=each) for each in made))
    plant.send(*(plant.command("subscription/ops", each, catalogue=SUBSCRIPTION_COMMANDS) for each in commands))
    plant.settle(processor)
    add(plant, 10, "app/a")
    plant.settle(processor)

    sizes = [len(record.value or b"") for record in plant.records("sealane.catalog.snapshots")]
    assert max(sizes) > 1_200_000
    assert plant.restored_images() == plant.images(processor)
