"""Batches grow with the load; an idle system is never made to wait."""

from tests.support.counter import Add
from tests.support.plant import OPTIONS, Plant

STREAM = "run/us-east-0000000000000001"


def test_after_a_busy_batch_the_next_is_given_time_to_grow() -> None:
    plant = Plant()
    processor = plant.processor("a")
    plant.settle(processor)
    plant.send(*(plant.command(STREAM, Add()) for _ in range(OPTIONS.busy_commands)))
    assert processor.run_once(0.0) == OPTIONS.busy_commands
    before = plant.clock.now()
    plant.send(plant.command(STREAM, Add()))
    assert processor.run_once(0.0) == 1
    assert (plant.clock.now() - before).total_seconds() >= OPTIONS.gather_seconds


def test_single_commands_are_decided_at_once() -> None:
    plant = Plant()
    processor = plant.processor("a")
    plant.settle(processor)
    before = plant.clock.now()
    for _ in range(3):
        plant.send(plant.command(STREAM, Add()))
        assert processor.run_once(0.0) == 1
    assert (plant.clock.now() - before).total_seconds() < OPTIONS.gather_seconds
