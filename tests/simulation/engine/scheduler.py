"""Virtual time: everything that will happen, in the order of its time, and the one source of chance."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Action = Callable[[], None]
# [time, order of its making, the action or None where it was cancelled, who does it or None]
Cell = list[Any]


class Scheduler:
    """`now` is in seconds since START. `random` is drawn from by whatever is scheduled: equal seeds, equal worlds."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.steps = 0
        self.attention = False
        self._heap: list[Cell] = []
        self._made = 0
        self._date, self._dated = START, 0.0

    def date(self) -> datetime:
        if self._dated != self.now:
            self._date, self._dated = START + timedelta(seconds=self.now), self.now
        return self._date

    def at(self, when: float, action: Action, do: Callable[[Action], None] | None = None) -> Cell:
        """`action` will be called at `when`, by `do` if there is one; cancel() takes it back."""
        self._made += 1
        cell = [when if when > self.now else self.now, self._made, action, do]
        heappush(self._heap, cell)
        return cell

    def after(self, seconds: float, action: Action) -> Cell:
        return self.at(self.now + seconds, action)

    @staticmethod
    def cancel(cell: Cell) -> None:
        cell[2] = None

    def run(self, until: float, look: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen up to `until`. Whoever wants `look` called after this step sets `attention`; it says
        when it is enough.
        """
        heap = self._heap
        while heap and heap[0][0] <= until:
            when, _, action, do = heappop(heap)
            if action is None:
                continue
            self.now = when
            self.steps += 1
            if do is None:
                action()
            else:
                do(action)
            if self.attention:
                self.attention = False
                if look():
                    return
        self.now = max(self.now, until)
