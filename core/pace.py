"""How often something is done that could be done all the time: a few times at once after some quiet, then in step."""


class Pace:
    """At most `at_once` times without waiting, and in the long run once in `seconds`."""

    def __init__(self, seconds: float, at_once: int) -> None:
        self._seconds = seconds
        self._ahead = at_once * seconds
        self._used_up_to = 0.0

    def seconds_to_wait(self, now: float) -> float:
        """Before what will be done next. `now` is any clock's time that only grows, from 0 on."""
        self._used_up_to = max(self._used_up_to, now) + self._seconds
        return max(0.0, self._used_up_to - now - self._ahead)
