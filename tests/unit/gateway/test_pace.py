"""Watchers of a run see its beginning at once, and then at most ten documents a second."""

from gateway.realtime.run_watch import AT_ONCE, SECONDS_BETWEEN, Pace


def waits(pace: Pace, now: float, count: int) -> list[float]:
    return [round(pace.seconds_to_wait(now), 6) for _ in range(count)]


def test_a_few_at_once_then_one_by_one() -> None:
    assert waits(Pace(), 100.0, AT_ONCE + 3) == [0.0] * AT_ONCE + [
        round(number * SECONDS_BETWEEN, 6) for number in (1, 2, 3)
    ]


def test_quiet_gives_back_what_was_used() -> None:
    pace = Pace()
    waits(pace, 100.0, AT_ONCE)
    assert waits(pace, 100.0 + 2 * SECONDS_BETWEEN, 3) == [0.0, 0.0, SECONDS_BETWEEN]
    assert waits(pace, 200.0, AT_ONCE + 1) == [0.0] * AT_ONCE + [SECONDS_BETWEEN]
