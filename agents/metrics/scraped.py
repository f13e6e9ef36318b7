"""What was scraped of one place's instances, and the answers that can be given from it. No I/O: times are arguments.

All instances of a set are taken together, also those that are gone since: their failures were real.
"""

from collections.abc import Mapping, Sequence

from agents.metrics.base import Answer, Counted, Instance
from agents.metrics.exposition import Counter, Page
from agents.metrics.history import CounterHistory, quantile
from core.analysis.queries import DURATION_BUCKETS, REQUESTS_TOTAL, RESIDENT_MEMORY, quantile_of


class _Seen:
    """One instance. `problem` is why the last scrape failed, empty where it did not."""

    def __init__(self) -> None:
        self.history: CounterHistory[Counter] = CounterHistory()
        self.memory: float | None = None
        self.problem = ""
        self.listed = True

    def is_over(self, before: float) -> bool:
        latest = self.history.latest
        return not self.listed and (latest is None or latest.at < before)


class Scraped:
    """By set and URL. `unlisted` is why the instances could not even be listed."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}
        self.unlisted = ""

    def note_instances(self, instances: Sequence[Instance], keep_since: float) -> None:
        """These are there now; what was before `keep_since` is not asked for any more."""
        listed = {(instance.set_name, instance.url) for instance in instances}
        for key in listed:
            self._seen.setdefault(key, _Seen())
        for key, seen in list(self._seen.items()):
            seen.listed = key in listed
            seen.history.forget_before(keep_since)
            if seen.is_over(keep_since):
                del self._seen[key]

    def note_page(self, instance: Instance, at: float, page: Page, started: float | None) -> None:
        seen = self._seen.setdefault((instance.set_name, instance.url), _Seen())
        seen.history.add(at, page.counters, started)
        seen.memory, seen.problem = page.memory, ""

    def note_problem(self, instance: Instance, reason: str) -> None:
        self._seen.setdefault((instance.set_name, instance.url), _Seen()).problem = reason

    def answer(self, set_name: str, metric: str, since: float) -> Answer:
        """The built-in metric `metric` of a set since then."""
        seen = self._of(set_name)
        problem = self._why_nothing(set_name, seen)
        if problem is not None:
            return problem
        if metric == "memory":
            return _memory(seen)
        grown = _increase(seen, since)
        if grown is None:
            return Answer(detail=f"the instances of {set_name} were read only once so far")
        return _of_counters(metric, grown)

    def counted(self, set_name: str, since: float) -> Counted:
        seen = self._of(set_name)
        latest = [one.history.latest.totals for one in seen if one.history.latest is not None]
        if not any(counter.family == REQUESTS_TOTAL for totals in latest for counter in totals):
            return Counted()
        grown = _increase(seen, since)
        return Counted(
            in_window=None if grown is None else round(_sum(grown, REQUESTS_TOTAL)),
            total=round(sum(_sum(totals, REQUESTS_TOTAL) for totals in latest)),
        )

    def _of(self, set_name: str) -> list[_Seen]:
        return [seen for (name, _), seen in self._seen.items() if name == set_name]

    def _why_nothing(self, set_name: str, seen: list[_Seen]) -> Answer | None:
        if self.unlisted:
            return Answer(error=f"the instances can't be listed: {self.unlisted}")
        if not seen:
            return Answer(detail=f"there is no instance of {set_name}")
        listed = [one for one in seen if one.listed] or seen
        problems = [one.problem for one in listed if one.problem]
        if len(problems) == len(listed):
            return Answer(error=problems[0])
        return None


def _memory(seen: list[_Seen]) -> Answer:
    values = [one.memory for one in seen if one.listed and not one.problem and one.memory is not None]
    return Answer.of(max(values)) if values else Answer(detail=f"no instance says its {RESIDENT_MEMORY}")


def _of_counters(metric: str, grown: Mapping[Counter, float]) -> Answer:
    if metric.startswith("latency-"):
        buckets = {
            float(counter.label): value for counter, value in grown.items() if counter.family == DURATION_BUCKETS
        }
        return Answer.of(quantile(quantile_of(metric), buckets)) if buckets else _absent(DURATION_BUCKETS)
    if not any(counter.family == REQUESTS_TOTAL for counter in grown):
        return _absent(REQUESTS_TOTAL)
    total = _sum(grown, REQUESTS_TOTAL)
    if metric == "requests":
        return Answer.of(total)
    if metric != "error-rate":
        return Answer(error=f"unknown metric '{metric}'")
    return Answer.of(_sum(grown, REQUESTS_TOTAL, "5") / total) if total > 0 else Answer(detail="there was no request")


def _absent(family: str) -> Answer:
    return Answer(detail=f"no instance says its {family.removesuffix('_bucket')}")


def _sum(totals: Mapping[Counter, float], family: str, first_of_label: str = "") -> float:
    return sum(
        value for each, value in totals.items() if each.family == family and each.label.startswith(first_of_label)
    )


def _increase(seen: list[_Seen], since: float) -> dict[Counter, float] | None:
    """Of all together; None where no instance was read twice."""
    each = [grown for one in seen if (grown := one.history.increase(since)) is not None]
    if not each:
        return None
    together: dict[Counter, float] = {}
    for grown in each:
        for counter, value in grown.items():
            together[counter] = together.get(counter, 0.0) + value
    return together
