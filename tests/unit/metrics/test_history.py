"""Counters over time: growth in a window, restarts, and quantiles as Prometheus computes them."""

import math

import pytest

from agents.metrics.history import CounterHistory, quantile

INF = math.inf


def history(*points: tuple[float, float], started: float | None = None) -> CounterHistory[str]:
    made: CounterHistory[str] = CounterHistory()
    for at, value in points:
        made.add(at, {"n": value}, started)
    return made


def test_counter_that_was_seen_once_has_no_growth() -> None:
    assert history((10, 5)).increase(0) is None
    assert CounterHistory[str]().increase(0) is None


def test_growth_is_since_the_beginning_of_the_window() -> None:
    assert history((0, 5), (10, 15), (20, 40)).increase(10) == {"n": 25}


def test_growth_between_two_looks_is_shared_out() -> None:
    assert history((0, 0), (10, 10), (20, 30)).increase(15) == {"n": 10}


def test_window_that_began_before_the_first_look_has_what_was_seen() -> None:
    assert history((10, 5), (20, 9)).increase(0) == {"n": 4}


def test_window_after_the_last_look_has_no_growth() -> None:
    assert history((10, 5), (20, 9)).increase(25) == {"n": 0}


def test_process_that_was_started_in_the_window_counted_from_zero() -> None:
    assert history((10, 5), started=8).increase(2) == {"n": 5}
    assert history((10, 5), (11, 9), started=8).increase(2) == {"n": 9}


def test_process_that_was_started_before_the_window_is_counted_from_the_first_look() -> None:
    assert history((10, 500), (11, 504), started=1).increase(2) == {"n": 4}


def test_restart_is_seen_where_a_counter_shrinks() -> None:
    assert history((0, 100), (10, 110), (20, 7)).increase(0) == {"n": 17}


def test_restart_is_seen_where_a_counter_is_gone() -> None:
    made = history((0, 100))
    made.add(10, {"other": 3})
    assert made.increase(0) == {"n": 0, "other": 3}


def test_restart_is_seen_by_its_time_though_the_counter_is_higher_already() -> None:
    made = history((0, 100), started=-50)
    made.add(10, {"n": 130}, 5)
    assert made.increase(-20) == {"n": 130}


def test_start_that_is_told_a_little_differently_is_no_restart() -> None:
    made = history((0, 100), started=-50)
    made.add(10, {"n": 130}, -49.5)
    assert made.increase(-20) == {"n": 30}


def test_counter_that_appears_later_began_at_zero() -> None:
    made = history((0, 100))
    made.add(10, {"n": 100, "errors": 3})
    assert made.increase(0) == {"n": 0, "errors": 3}


def test_history_is_bounded_and_still_reaches_over_its_window() -> None:
    made: CounterHistory[str] = CounterHistory(max_points=50)
    for at in range(10_000):
        made.add(at, {"n": float(at)})
        made.forget_before(at - 20)
    assert made.increase(9999 - 20) == {"n": 20}


@pytest.mark.parametrize(
    ("q", "buckets", "expected"),
    [
        (0.5, {0.1: 0, 0.2: 10, INF: 10}, 0.15),
        (0.9, {0.1: 10, INF: 10}, 0.09),
        (0.5, {1: 4, 2: 6, INF: 10}, 1.5),
        (0.99, {0.1: 90, 0.5: 95, INF: 100}, 0.5),
        (0.99, {0.1: 50, 0.5: 100, 1: 100, INF: 100}, 0.1 + 0.4 * 49 / 50),
        (0.5, {-1: 5, 1: 5, INF: 5}, -1),
        (1.0, {0.1: 1, 0.2: 2, INF: 2}, 0.2),
    ],
)
def test_quantile_is_prometheus_histogram_quantile(q: float, buckets: dict[float, float], expected: float) -> None:
    assert quantile(q, buckets) == pytest.approx(expected)


@pytest.mark.parametrize("buckets", [{}, {INF: 10}, {0.1: 5, 0.2: 9}, {0.1: 0, INF: 0}])
def test_quantile_of_what_is_no_histogram_is_nan(buckets: dict[float, float]) -> None:
    assert math.isnan(quantile(0.99, buckets))


def test_bucket_that_lags_behind_the_one_below_counts_as_much() -> None:
    assert quantile(0.5, {0.1: 10, 0.2: 8, INF: 10}) == pytest.approx(0.05)
