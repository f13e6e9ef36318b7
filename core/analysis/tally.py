"""What the samples so far come to, check by check."""

from collections.abc import Iterable
from copy import copy
from typing import Literal

import msgspec

from core.deployments.commands import Measurement

# Enough for any test of significance; without a bound a long watch would make the state grow.
MOST_POINTS = 500

Result = Literal["passed", "failed", "inconclusive", "error", "pending"]


class Judged(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one sample means for one check (`probe:<name>` for a probe). Only `passed` speaks for the release.

    pending: a comparison that has too few points yet; counts for nothing.
    """

    check: str
    result: Result
    detail: str = ""


class Tally(msgspec.Struct, omit_defaults=True):
    """`passed` and `failed` count all samples, `inconclusive` and `errors` those since the last one that said
    something. `points` are (canary, baseline) values, the latest last."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    errors: int = 0
    points: list[tuple[float, float]] = []

    def note(self, result: Result, value: float | None, baseline: float | None) -> None:
        if result not in ("inconclusive", "error") and value is not None and baseline is not None:
            self.points = [*self.points[1 - MOST_POINTS :], (value, baseline)]
        if result == "inconclusive":
            self.inconclusive += 1
        elif result == "error":
            self.errors += 1
        elif result != "pending":
            self.inconclusive = self.errors = 0
            self.passed += result == "passed"
            self.failed += result == "failed"

    def draft(self) -> "Tally":
        return copy(self)


def probe_key(name: str) -> str:
    """Under which name a probe is judged and tallied."""
    return f"probe:{name}"


def note(tallies: dict[str, Tally], judged: Iterable[Judged], measurements: Iterable[Measurement]) -> None:
    """Adds a judged sample, in place."""
    measured = {each.check: each for each in measurements}
    for each in judged:
        if each.check not in tallies:
            tallies[each.check] = Tally()
        found = measured.get(each.check)
        tallies[each.check].note(each.result, found.value if found else None, found.baseline if found else None)
