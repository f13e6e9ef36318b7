"""A process that ends between any two steps: whoever takes over decides each command exactly once."""

from collections.abc import Callable
from typing import Literal

import pytest

from core.ports import Fenced, LogUnavailable
from infra.memory.log import Call
from processors.shell import Processor
from tests.support.counter import Add, Break, Finish, Forward, Remind
from tests.support.plant import Plant

Phase = Literal["before", "after"]


class Crash(BaseException):
    """The process is gone: nothing in it may run on, so this is no Exception."""


class At:
    """A hook that calls `action` at the n-th call of an owner."""

    def __init__(self, owner: str, number: int, phase: Phase, action: Callable[[Call], None]) -> None:
        self._owner = owner
        self._left = number
        self._phase = phase
        self._action = action
        self.seen: list[str] = []
        self.done = False

    def __call__(self, call: Call) -> None:
        if call.owner != self._owner or call.phase != self._phase:
            return
        self.seen.append(call.operation)
        if not self.done and len(self.seen) == self._left:
            self.done = True
            self._action(call)


def crash(call: Call) -> None:
    raise Crash(call.operation)


def fail(call: Call) -> None:
    raise LogUnavailable(f"injected at {call.operation}")


def fence(call: Call) -> None:
    raise Fenced(f"injected at {call.operation}")


def start(plant: Plant) -> None:
    plant.send(
        plant.command("run/a", Add(amount=3, times=2)),
        plant.command("run/a", Add(amount=-1), wants_reply=True),
        plant.command("run/b", Forward(region="eu-west", kind="app", id="c", amount=4)),
        plant.command("run/a", Remind(seconds=0.2)),
        plant.command("run/b", Break(where="evolve")),
    )


def go_on(plant: Plant) -> None:
    plant.send(plant.command("run/a", Add(amount=10)), plant.command("run/b", Finish()))


def play(plant: Plant, processor: Processor) -> None:
    """Two bursts of commands with a pause, so that deadlines, checkpoints and policies all take part."""
    for burst in (start, go_on):
        burst(plant)
        plant.settle(processor)
        plant.clock.advance(1)
        plant.settle(processor)
    processor.close()


def calls_of_a_play(phase: Phase) -> int:
    plant = Plant()
    hook = At("p1", -1, phase, crash)
    plant.log.on_call = hook
    play(plant, plant.processor("p1"))
    return len(hook.seen)


def check_outcome(plant: Plant) -> None:
    """What the commands lead to, however often the process ended on the way."""
    assert sorted(plant.types("run/a")) == [
        "command.rejected",
        *["counter.added"] * 4,
        *["counter.reminded"] * 2,
    ]
    assert sorted(plant.types("run/b")) == ["command.rejected", "counter.finished", "counter.forwarded"]
    assert plant.types("app/c") == ["counter.added"]
    assert len(plant.dead_letters()) == 1
    plant.check_log()


def test_undisturbed_play_has_the_expected_outcome() -> None:
    plant = Plant()
    play(plant, plant.processor("p1"))

    check_outcome(plant)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_crash_between_any_two_calls_leaves_exactly_one_decision_of_each_command(phase: Phase) -> None:
    calls = calls_of_a_play(phase)
    assert calls > 80
    for number in range(1, calls + 1):
        plant = Plant()
        hook = At("p1", number, phase, crash)
        plant.log.on_call = hook
        with pytest.raises(Crash):
            play(plant, plant.processor("p1"))
        plant.log.silence("p1")
        if hook_saw_no_second_burst(plant):
            go_on(plant)
        successor = plant.processor("p2")
        plant.clock.advance(11)
        plant.settle(successor)
        plant.clock.advance(1)
        plant.settle(successor)

        check_outcome(plant)
        assert plant.restored_images() == plant.images(successor), f"crash {phase} call {number}: {hook.seen[-1]}"


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("injected", [fail, fence])
def test_failure_of_any_call_is_retried_and_leaves_exactly_one_decision_of_each_command(
    injected: Callable[[Call], None], phase: Phase
) -> None:
    calls = calls_of_a_play(phase)
    for number in range(1, calls):
        plant = Plant()
        plant.log.on_call = At("p1", number, phase, injected)
        processor = plant.processor("p1")
        for burst in (start, go_on):
            burst(plant)
            plant.settle(processor, rounds=30)
            plant.clock.advance(1)
            plant.settle(processor, rounds=30)

        check_outcome(plant)
        assert plant.restored_images() == plant.images(processor), f"failure {phase} call {number}"


def hook_saw_no_second_burst(plant: Plant) -> bool:
    return not any(b'"counter.finish"' in (record.value or b"") for record in plant.records("sealane.runs.commands"))
