"""Deadlines: what must be asked again is asked again, once, and never too early."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.aggregate import Rejected, Tick
from core.ids import derived_id
from processors.deadlines import Deadlines
from tests.support.counter import Add, Counter, Remind, counter, decide
from tests.support.plant import Plant, at

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_earliest_deadline_comes_first_and_equal_ones_in_the_order_of_names() -> None:
    deadlines = Deadlines()
    for name, seconds in (("c", 1), ("b", 0), ("a", 1)):
        deadlines.set(name, later(seconds))

    taken = [deadlines.take(later(5)) for _ in range(4)]

    assert taken == [("b", later(0)), ("a", later(1)), ("c", later(1)), None]


def test_deadline_in_the_future_is_not_taken() -> None:
    deadlines = Deadlines()
    deadlines.set("a", later(1))

    assert deadlines.take(later(0.9)) is None
    assert deadlines.earliest() == later(1)


def test_moved_and_removed_deadlines_leave_nothing_behind() -> None:
    deadlines = Deadlines()
    deadlines.set("a", later(1))
    deadlines.set("a", later(9))
    deadlines.set("b", later(2))
    deadlines.set("b", None)

    assert deadlines.earliest() == later(9)
    assert deadlines.take(later(5)) is None
    assert deadlines.take(later(9)) == ("a", later(9))
    assert deadlines.earliest() is None


def test_deadlines_that_move_often_do_not_pile_up() -> None:
    deadlines = Deadlines()
    for n in range(10_000):
        deadlines.set("a", later(n))

    assert len(deadlines._heap) < 200
    assert deadlines.take(later(10_000)) == ("a", later(9_999))


def test_stream_is_asked_when_its_time_has_come() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/a", Remind(seconds=60)))
    plant.settle(processor)
    due = at(processor, "run/a")
    plant.settle(processor)
    assert plant.types("run/a") == ["counter.reminded"]

    plant.clock.advance(60)
    plant.settle(processor)

    assert plant.types("run/a") == ["counter.reminded", "counter.added", "counter.reminded"]
    tick = plant.events()[1]
    assert due is not None
    assert tick.causation_id == derived_id("tick", "run/a", 1, due.isoformat())
    assert (tick.actor, tick.correlation_id) == ("sealane", "trace")
    assert at(processor, "run/a") is None
    plant.check_log()


def test_waiting_for_commands_ends_with_the_next_deadline() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/a", Remind(seconds=2)))
    plant.settle(processor)
    due = at(processor, "run/a")

    processor.run_once(3600)

    assert plant.clock.now() == due


def test_deadline_survives_a_restart() -> None:
    plant = Plant()
    first = plant.processor("p1")
    plant.send(plant.command("run/a", Remind(seconds=60)))
    plant.settle(first)
    due = at(first, "run/a")
    first.close()

    second = plant.processor("p2")
    plant.settle(second)
    assert at(second, "run/a") == due
    plant.clock.advance(60)
    plant.settle(second)

    assert plant.types("run/a") == ["counter.reminded", "counter.added", "counter.reminded"]


def test_after_an_outage_the_commands_that_waited_go_before_the_deadlines() -> None:
    plant = Plant(options=replace(Plant().options, max_batch=2, catch_up_grace_seconds=60))
    first = plant.processor("p1")
    plant.send(plant.command("run/a", Remind(seconds=10)))
    plant.settle(first)
    first.close()
    plant.clock.advance(60)
    plant.send(*(plant.command("run/a", Add()) for _ in range(6)), plant.command("run/a", Remind(seconds=500)))

    plant.settle(plant.processor("p2"))

    assert plant.types("run/a") == ["counter.reminded", *["counter.added"] * 6, "counter.reminded"]


def broken_clockwork(state: Counter, command: object, now: datetime) -> tuple[()]:
    raise ZeroDivisionError("no time")


def refusing_clockwork(state: Counter, command: object, now: datetime) -> tuple[()]:
    raise Rejected("not-now", "come back later")


def idle_clockwork(state: Counter, command: object, now: datetime) -> tuple[()]:
    return ()


@pytest.mark.parametrize("clockwork", [broken_clockwork, refusing_clockwork, idle_clockwork])
def test_deadline_that_leads_nowhere_is_loud_and_not_asked_in_a_circle(
    clockwork: object, caplog: pytest.LogCaptureFixture
) -> None:
    def decide_or_break(state: Counter, command: object, now: datetime) -> object:
        return clockwork(state, command, now) if isinstance(command, Tick) else decide(state, command, now)  # type: ignore[operator, arg-type]

    plant = Plant(aggregates=(replace(counter("run"), decide=decide_or_break),))  # type: ignore[arg-type]
    processor = plant.processor("p1")
    plant.send(plant.command("run/a", Remind(seconds=1)))
    plant.settle(processor)
    with caplog.at_level(logging.ERROR, "sealane.processors"):
        plant.clock.advance(10)
        for _ in range(5):
            processor.run_once(0)

    assert plant.types("run/a") == ["counter.reminded"]
    assert processor.metrics.stuck_deadlines == 1
    assert len(caplog.records) == 1
    assert "run/a" in caplog.text
    plant.clock.advance(60)
    processor.run_once(0)
    assert len(caplog.records) == 2
