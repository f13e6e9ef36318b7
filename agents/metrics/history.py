"""Counters over time, of one process: made monotone where it was restarted, kept for a bounded time, asked by window.

Unlike PromQL's rate(), nothing is extrapolated: an increase is what was seen, interpolated at the window's edge. A
process that says when it was started counted from zero at that time, so its first requests are not lost.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
MAX_POINTS = 600
# Start times are told in wall-clock time, and kernels round them.
_SAME_START_SECONDS = 2.0


class Point(NamedTuple, Generic[KeyT]):
    """What had been counted at `at`, all restarts added up."""

    at: float
    totals: Mapping[KeyT, float]


class CounterHistory(Generic[KeyT]):
    """Times are in seconds of one monotonic clock."""

    def __init__(self, max_points: int = MAX_POINTS) -> None:
        self._points: deque[Point[KeyT]] = deque(maxlen=max_points)
        self._raw: Mapping[KeyT, float] = {}
        self._born: float | None = None
        self._started: float | None = None

    @property
    def latest(self) -> Point[KeyT] | None:
        return self._points[-1] if self._points else None

    def add(self, at: float, raw: Mapping[KeyT, float], started: float | None = None) -> None:
        """The counters as read at `at`; `started` is when their process began to count, if it says so."""
        if self._points:
            self._points.append(self._next(at, raw, started))
        else:
            self._points.append(Point(at, dict(raw)))
            self._born = started
        self._raw, self._started = dict(raw), started

    def increase(self, since: float) -> dict[KeyT, float] | None:
        """How much each counter has grown since then, or since it is watched. None: seen once, so nobody knows."""
        if not self._points:
            return None
        if self._born is not None and self._born >= since:
            return dict(self._points[-1].totals)
        if len(self._points) < 2:
            return None
        base = self._totals_at(since)
        return {key: value - base.get(key, 0.0) for key, value in self._points[-1].totals.items()}

    def forget_before(self, at: float) -> None:
        """Keeps one point before `at`, from which a window that begins there is measured."""
        while len(self._points) > 2 and self._points[1].at <= at:
            self._points.popleft()

    def _next(self, at: float, raw: Mapping[KeyT, float], started: float | None) -> Point[KeyT]:
        before = {} if self._restarted(raw, started) else self._raw
        totals = dict(self._points[-1].totals)
        for key, value in raw.items():
            last = before.get(key, 0.0)
            totals[key] = totals.get(key, 0.0) + (value - last if value >= last else value)
        return Point(at, totals)

    def _restarted(self, raw: Mapping[KeyT, float], started: float | None) -> bool:
        if started is not None and self._started is not None:
            return started - self._started > _SAME_START_SECONDS
        # Nobody says, but the counters of one process are reset together.
        return any(raw.get(key, 0.0) < value for key, value in self._raw.items())

    def _totals_at(self, at: float) -> Mapping[KeyT, float]:
        after = bisect_right([point.at for point in self._points], at)
        if after == 0:
            return self._points[0].totals
        if after == len(self._points):
            return self._points[-1].totals
        left, right = self._points[after - 1], self._points[after]
        part = (at - left.at) / (right.at - left.at)
        return {key: _between(left.totals.get(key, 0.0), value, part) for key, value in right.totals.items()}


def _between(low: float, high: float, part: float) -> float:
    return low + part * (high - low)


def quantile(q: float, buckets: Mapping[float, float]) -> float:
    """The `q`-quantile of cumulative counts by upper bound, NaN where it can't be known.

    As Prometheus' histogram_quantile() (promql/quantile.go, bucketQuantile): linear within a bucket, the lowest one
    begins at 0, and what lies in the highest (infinite) one counts as the bound below it.
    """
    ordered = _monotone(buckets)
    if len(ordered) < 2 or ordered[-1][0] != float("inf") or ordered[-1][1] <= 0:
        return float("nan")
    rank = q * ordered[-1][1]
    index = next((i for i, (_, count) in enumerate(ordered[:-1]) if count >= rank), len(ordered) - 1)
    if index == len(ordered) - 1:
        return ordered[-2][0]
    upper, count = ordered[index]
    if index == 0 and upper <= 0:
        return upper
    lower, below = ordered[index - 1] if index else (0.0, 0.0)
    return _between(lower, upper, (rank - below) / (count - below))


def _monotone(buckets: Mapping[float, float]) -> list[tuple[float, float]]:
    """Interpolation and restarts may leave a count below the one before it; it is raised to that."""
    ordered: list[tuple[float, float]] = []
    for bound, count in sorted(buckets.items()):
        ordered.append((bound, max(count, ordered[-1][1]) if ordered else count))
    return ordered
