"""Counts requests by status and by duration, and tells it in the text format of Prometheus."""

import bisect
import threading
import time
from collections import Counter
from pathlib import Path

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
PAGE_BYTES = 4096


class Measured:
    def __init__(self, version: str) -> None:
        self._version = version
        self._started = time.time()
        self._lock = threading.Lock()
        self._statuses = Counter({200: 0, 500: 0})
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def note(self, status: int, seconds: float) -> None:
        with self._lock:
            self._statuses[status] += 1
            self._buckets[bisect.bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def page(self) -> bytes:
        version = f'version="{self._version}"'
        with self._lock:
            statuses, buckets, seconds = dict(self._statuses), list(self._buckets), self._seconds
        lines = ["# HELP http_requests_total Requests of users, by status.", "# TYPE http_requests_total counter"]
        lines += [f'http_requests_total{{{version},status="{code}"}} {count}' for code, count in statuses.items()]
        name = "http_request_duration_seconds"
        lines += [f"# HELP {name} From the request to its answer.", f"# TYPE {name} histogram"]
        total = 0
        for bound, count in zip((*BOUNDS, "+Inf"), buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{{version},le="{bound}"}} {total}')
        lines += [f"{name}_sum{{{version}}} {seconds:.6f}", f"{name}_count{{{version}}} {total}"]
        lines += ["# TYPE process_resident_memory_bytes gauge", f"process_resident_memory_bytes {resident_bytes()}"]
        lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {self._started:.3f}"]
        return ("\n".join(lines) + "\n").encode()


def resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
