"""A few threads that do tasks in parallel, but those of one key one after the other, in the order they came."""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable

# A task answers with the seconds after which it wants to be done again (before its key's next task), or None.
Task = Callable[[], float | None]


class KeyedPool:
    """Tasks must not raise. `close()` waits for those that run; those that wait are left undone."""

    def __init__(self, threads: int, name: str) -> None:
        self._condition = threading.Condition()
        self._waiting: dict[str, deque[Task]] = {}
        self._ready: deque[str] = deque()
        self._later: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._closing = False
        self.size = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: str, task: Task) -> None:
        with self._condition:
            self.size += 1
            tasks = self._waiting.get(key)
            if tasks is not None:
                tasks.append(task)
                return
            self._waiting[key] = deque([task])
            self._ready.append(key)
            self._condition.notify()

    def close(self, timeout_seconds: float) -> None:
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (key := self._next()) is not None:
            again_seconds = self._waiting[key][0]()
            with self._condition:
                if again_seconds is not None:
                    heapq.heappush(self._later, (time.monotonic() + again_seconds, next(self._numbers), key))
                else:
                    self._finish(key)
                self._condition.notify()

    def _finish(self, key: str) -> None:
        tasks = self._waiting[key]
        tasks.popleft()
        self.size -= 1
        if tasks:
            self._ready.append(key)
        else:
            del self._waiting[key]

    def _next(self) -> str | None:
        """The key whose first task is to be done now; None when the pool closes."""
        with self._condition:
            while not self._closing:
                now = time.monotonic()
                if self._later and self._later[0][0] <= now:
                    return heapq.heappop(self._later)[2]
                if self._ready:
                    return self._ready.popleft()
                self._condition.wait(self._later[0][0] - now if self._later else None)
            return None
