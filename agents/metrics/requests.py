"""Requests as the proxy counted them: it has seen them all, also those that an instance never got to count."""

import threading

from agents.metrics.base import Counted, Place
from agents.metrics.history import CounterHistory
from core.deployments.target_state import TargetStatus

MAX_POINTS = 200


class ProxyCounts:
    """The growth of SetStatus.requests at all places that were noted. Any thread may ask."""

    def __init__(self) -> None:
        self._places: dict[Place, _Sets] = {}
        self._lock = threading.Lock()

    def note(self, place: Place, status: TargetStatus, at: float) -> None:
        """`at` in seconds of a monotonic clock."""
        with self._lock:
            self._places.setdefault(place, _Sets()).note(status, at)

    def counted(self, place: Place, set_name: str, since: float) -> Counted:
        """Of a set, since then and since it stands. None: the proxy counts nothing, or was asked too seldom."""
        with self._lock:
            history = self._places.get(place, _Sets()).of(set_name)
            if history is None or history.latest is None:
                return Counted()
            grown = history.increase(since)
            total = round(sum(history.latest.totals.values()))
        return Counted(None if grown is None else round(sum(grown.values())), total)


class _Sets:
    """The sets of one place. A set that comes while we look began to be counted after the look before."""

    def __init__(self) -> None:
        self._histories: dict[str, CounterHistory[str]] = {}
        self._noted_at: float | None = None

    def note(self, status: TargetStatus, at: float) -> None:
        names = {each.name for each in status.sets}
        self._histories = {name: history for name, history in self._histories.items() if name in names}
        for each in status.sets:
            if each.requests is not None:
                history = self._histories.setdefault(each.name, CounterHistory(MAX_POINTS))
                began = self._noted_at if history.latest is None else None
                history.add(at, {"": float(each.requests)}, began)
        self._noted_at = at

    def of(self, set_name: str) -> CounterHistory[str] | None:
        return self._histories.get(set_name)
