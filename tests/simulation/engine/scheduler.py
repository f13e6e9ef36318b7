"""Virtual time: everything that will happen, in the order of its time, and the one source of chance."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Action = Callable[[], None]
# (time, order of its making, [what, or None where it was cancelled])
_Entry = tuple[float, int, list[Action | None]]


class Scheduler:
    """`now` is in seconds since START. `random` is drawn from by whatever is scheduled: equal seeds, equal worlds."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.steps = 0
        self.attention = False
        self._heap: list[_Entry] = []
        self._made = 0
        self._date, self._dated = START, 0.0

    def date(self) -> datetime:
        if self._dated != self.now:
            self._date, self._dated = START + timedelta(seconds=self.now), self.now
        return self._date

    def at(self, when: float, action: Action) -> list[Action | None]:
        """`action` will be called at `when`; cancel() takes it back."""
        self._made += 1
        cell: list[Action | None] = [action]
        heapq.heappush(self._heap, (when if when > self.now else self.now, self._made, cell))
        return cell

    def after(self, seconds: float, action: Action) -> list[Action | None]:
        return self.at(self.now + seconds, action)

    @staticmethod
    def cancel(cell: list[Action | None]) -> None:
        cell[0] = None

    def run(self, until: float, look: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen up to `until`. Whoever wants `look` called after this step sets `attention`; it says
        when it is enough.
        """
        heap = self._heap
        while heap and heap[0][0] <= until:
            when, _, cell = heapq.heappop(heap)
            action = cell[0]
            if action is None:
                continue
            self.now = when
            self.steps += 1
            action()
            if self.attention:
                self.attention = False
                if look():
                    return
        self.now = max(self.now, until)
