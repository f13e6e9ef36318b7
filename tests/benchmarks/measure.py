"""What every benchmark row shares: repetitions, median and spread, and the result that the page is made of."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


class WrongOutput(AssertionError):
    """What a benchmark produced is not what it should have: no speed is reported for that."""


def expect(holds: bool, what: str) -> None:
    """Raises WrongOutput naming what does not hold. Not an assert: benchmarks also run with -O."""
    if not holds:
        raise WrongOutput(what)


@dataclass(frozen=True)
class Line:
    """One figure beside its limit, both from this run. `goal` is met at `goal` or above, for `lower` at or below it.

    The goal is of the ratio figure/limit, or of the figure itself where `goal_of_figure`.
    """

    what: str
    unit: str
    figures: Sequence[float]
    limits: Sequence[float] = ()
    goal: float | None = None
    goal_of_figure: bool = False
    lower: bool = False

    @property
    def figure(self) -> float:
        return statistics.median(self.figures)

    @property
    def limit(self) -> float | None:
        return statistics.median(self.limits) if self.limits else None

    @property
    def ratio(self) -> float | None:
        return self.figure / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        value = self.figure if self.goal_of_figure else self.ratio
        if self.goal is None or value is None:
            return None
        return value <= self.goal if self.lower else value >= self.goal


@dataclass(frozen=True)
class Row:
    """`checks` say what of the outputs was verified, `notes` what else was seen (CPU by process, sizes)."""

    number: int
    title: str
    limit: str
    lines: Sequence[Line]
    checks: Sequence[str]
    notes: Sequence[str] = ()


@dataclass
class Bench:
    """How much is measured. Quick is for seeing that the rows work, not for figures."""

    quick: bool = False
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)
    started: float = field(default_factory=time.monotonic)

    @property
    def repetitions(self) -> int:
        return 2 if self.quick else 5

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        began = time.monotonic()
        self.say(f"{began - self.started:7.1f} s  {text}")
        yield
        self.say(f"{time.monotonic() - self.started:7.1f} s    took {time.monotonic() - began:.1f} s")


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def spread(values: Sequence[float]) -> str:
    """Smallest and largest repetition."""
    return f"{number(min(values))}-{number(max(values))}" if len(values) > 1 else "one run"


def number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
