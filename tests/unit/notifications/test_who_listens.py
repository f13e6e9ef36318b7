"""The remembered list of subscriptions: fresh enough for every event, asked for seldom enough."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from agents.connectors.notifications.beginnings import NotKnownYet
from agents.connectors.notifications.subscriptions import LEAST_PAUSE, Subscriber, Subscriptions
from core.notifications.notification import Wanted
from infra.memory.clock import ManualClock

SECOND = timedelta(seconds=1)


class Views:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.start = self.clock.now()
        self.found: Sequence[Subscriber] | None = [Subscriber("ops", Wanted(), self.start)]
        self.asked = 0
        self.known = Subscriptions(self.load, self.clock)

    def load(self) -> Sequence[Subscriber] | None:
        self.asked += 1
        return self.found

    def names(self, seconds: float) -> list[str]:
        return [each.name for each in self.known.at(self.start + seconds * SECOND)]


def test_list_is_asked_for_again_only_for_what_happened_after_it() -> None:
    views = Views()
    views.clock.advance(10)
    assert views.names(9) == views.names(8) == views.names(0) == ["ops"]
    assert views.asked == 1
    views.clock.advance(1)
    assert views.names(10.5) == ["ops"]
    assert views.asked == 2


def test_what_happened_just_now_waits_for_a_moment_and_not_for_ever() -> None:
    views = Views()
    assert views.names(0) == ["ops"]
    views.clock.advance(0.05)
    with pytest.raises(NotKnownYet):
        views.names(0.05)
    assert views.asked == 1
    views.clock.advance(LEAST_PAUSE.total_seconds())
    assert views.names(0.05) == ["ops"]
    assert views.asked == 2


def test_clock_that_is_ahead_holds_nothing_up() -> None:
    views = Views()
    assert views.names(3600) == ["ops"]
    views.clock.advance(1)
    assert views.names(3601) == ["ops"]


def test_new_subscription_hears_of_nothing_from_before_it() -> None:
    views = Views()
    views.found = [Subscriber("ops", Wanted(), views.start), Subscriber("new", Wanted(), views.start + 5 * SECOND)]
    views.clock.advance(10)
    assert views.names(4) == ["ops"]
    assert views.names(5) == ["ops", "new"]


def test_views_that_can_not_be_asked_are_asked_again() -> None:
    views = Views()
    views.found = None
    with pytest.raises(NotKnownYet):
        views.names(0)
    views.found = []
    assert views.names(0) == []
