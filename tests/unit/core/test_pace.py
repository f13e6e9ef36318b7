"""What could be done all the time is done a few times at once, and then in step."""

from core.pace import Pace


def waits(pace: Pace, now: float, count: int) -> list[float]:
    return [round(pace.seconds_to_wait(now), 6) for _ in range(count)]


def test_a_few_at_once_then_one_by_one() -> None:
    assert waits(Pace(0.1, at_once=3), 100.0, 6) == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def test_quiet_gives_back_what_was_used_and_no_more() -> None:
    pace = Pace(0.1, at_once=3)
    waits(pace, 100.0, 3)
    assert waits(pace, 100.2, 3) == [0.0, 0.0, 0.1]
    assert waits(pace, 200.0, 4) == [0.0, 0.0, 0.0, 0.1]
