"""Requests as the proxy counted them, in a window and since the set stands."""

from agents.metrics.base import Counted
from agents.metrics.requests import ProxyCounts
from core.deployments.target_state import SetStatus, TargetStatus
from tests.support.metrics import PLACE


def counts(*noted: tuple[float, dict[str, int | None]]) -> ProxyCounts:
    made = ProxyCounts()
    for at, sets in noted:
        statuses = tuple(SetStatus(name, name, requests=requests) for name, requests in sets.items())
        made.note(PLACE, TargetStatus(sets=statuses), at)
    return made


def test_unknown_set_and_place_are_not_known() -> None:
    assert counts().counted(PLACE, "v2", 0) == Counted()
    assert counts((0, {"v1": 5})).counted(PLACE, "v2", 0) == Counted()


def test_set_that_nobody_counts_is_not_known() -> None:
    assert counts((0, {}), (10, {"v2": None})).counted(PLACE, "v2", 0) == Counted()


def test_growth_in_the_window_and_the_total_are_told() -> None:
    made = counts((0, {"v2": 100}), (30, {"v2": 130}), (60, {"v2": 190}))
    assert made.counted(PLACE, "v2", 30) == Counted(60, 190)
    assert made.counted(PLACE, "v2", 45) == Counted(30, 190)


def test_set_that_came_while_we_looked_counts_from_zero() -> None:
    assert counts((0, {"v1": 900}), (10, {"v1": 950, "v2": 12})).counted(PLACE, "v2", -5) == Counted(12, 12)


def test_set_that_was_there_before_we_looked_has_a_total_only() -> None:
    assert counts((10, {"v2": 500})).counted(PLACE, "v2", 0) == Counted(None, 500)


def test_proxy_that_was_started_anew_takes_no_requests_back() -> None:
    made = counts((0, {}), (10, {"v2": 100}), (20, {"v2": 7}))
    assert made.counted(PLACE, "v2", 0) == Counted(107, 107)


def test_set_that_was_gone_meanwhile_counts_anew() -> None:
    made = counts((0, {}), (10, {"v2": 100}), (20, {}), (30, {"v2": 5}))
    assert made.counted(PLACE, "v2", 0) == Counted(5, 5)
