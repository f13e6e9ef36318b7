"""What a load generator has seen: how many requests ended how, from which version, and how fast.

A failure is the app's own where the app answered it (its version is in the answer's header), else the platform's: no
connection, no answer in time, or an answer of the proxy.
"""

import math
import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Literal, NamedTuple

VERSION_HEADER = "x-version"
KEPT_SECONDS = 60.0
KEPT_PROBLEMS = 50

Failure = Literal["", "app", "platform"]


class Seen(NamedTuple):
    """The end of one request. `at` and `seconds` are of a monotonic clock; `status` 0: there was no answer."""

    at: float
    status: int
    version: str
    seconds: float
    detail: str = ""

    @property
    def failure(self) -> Failure:
        if 0 < self.status < 500:
            return ""
        return "app" if self.version else "platform"


class Recent(NamedTuple):
    """The last seconds. `shares` is each version's part of all answers; latencies in seconds, NaN without answers."""

    rate: float
    shares: dict[str, float]
    failed: float
    p50: float
    p99: float


class Tally:
    """Any thread may ask while the generator adds. `last_at`: when each version answered last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[Seen] = deque()
        self.sent = 0
        self.skipped = 0
        self.reconnected = 0
        self.by_version: Counter[str] = Counter()
        self.last_at: dict[str, float] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.failures: Counter[Failure] = Counter()
        self.problems: deque[str] = deque(maxlen=KEPT_PROBLEMS)

    @property
    def answered(self) -> int:
        return self.failures[""]

    @property
    def app_failures(self) -> int:
        return self.failures["app"]

    @property
    def platform_failures(self) -> int:
        return self.failures["platform"]

    def add(self, seen: Seen) -> None:
        with self._lock:
            self.statuses[seen.version, seen.status] += 1
            self.failures[seen.failure] += 1
            if seen.version:
                self.by_version[seen.version] += 1
                self.last_at[seen.version] = seen.at
            if seen.failure == "platform":
                self.problems.append(seen.detail or f"the proxy answered {seen.status}")
            self._recent.append(seen)
            while self._recent and self._recent[0].at < seen.at - KEPT_SECONDS:
                self._recent.popleft()

    def note_reconnect(self) -> None:
        self.reconnected += 1

    def recent(self, now: float, seconds: float = 5.0) -> Recent:
        with self._lock:
            seen = [each for each in self._recent if each.at >= now - seconds]
        versions = Counter(each.version for each in seen if each.version)
        latencies = sorted(each.seconds for each in seen if each.version)
        return Recent(
            rate=len(seen) / seconds,
            shares={version: count / versions.total() for version, count in sorted(versions.items())},
            failed=sum(each.failure != "" for each in seen) / len(seen) if seen else 0.0,
            p50=_quantile(latencies, 0.5),
            p99=_quantile(latencies, 0.99),
        )


def _quantile(ordered: Sequence[float], q: float) -> float:
    """The nearest rank."""
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else math.nan
