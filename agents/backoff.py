"""How long to wait before the next try to connect: exponential, capped, with full jitter."""

from collections.abc import Callable

FIRST_SECONDS = 0.1
CAP_SECONDS = 10.0


class Backoff:
    """`random` answers numbers in [0, 1). The wait doubles with each failure and is drawn from its upper half."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0

    def reset(self) -> None:
        self._failures = 0

    def next_seconds(self) -> float:
        ceiling: float = min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return ceiling * (0.5 + self._random() / 2)
