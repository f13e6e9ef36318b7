"""What can't be meant by an environment's settings, whoever wrote them: `delivery.yml` or the catalog's API.

Looks at values that fit their types one by one, and asks whether they make sense together.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from core.environments.settings import (
    BlueGreen,
    Canary,
    Check,
    EnvironmentSettings,
    Recreate,
    Rolling,
    StaticTarget,
    Strategy,
)

METRICS: Final = ("error-rate", "latency-p50", "latency-p90", "latency-p95", "latency-p99", "memory", "requests")
QUERY_VARIABLES: Final = ("version", "baseline", "app", "environment", "region", "window")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_WORDS: Final[dict[type[Strategy], str]] = {
    Recreate: "recreate",
    Rolling: "rolling",
    BlueGreen: "blue-green",
    Canary: "canary",
}


class Fault(NamedTuple):
    """`path` is the key path within the environment, as `delivery.yml` spells it; `code` is stable kebab-case.

    `about` are the environment's keys that it judges besides the path's own: if one of them is already known to be
    wrong, the fault says nothing new.
    """

    path: tuple[str | int, ...]
    code: str
    message: str
    suggestion: str = ""
    about: tuple[str, ...] = ()


def faults(settings: EnvironmentSettings) -> Iterator[Fault]:
    """All that is wrong."""
    yield from _of_regions(settings)
    yield from _of_waves(settings)
    yield from _of_strategy(settings)
    yield from _of_static_targets(settings)
    yield from _of_checks(settings)
    yield from _of_names("probes", [probe.name for probe in settings.probes])
    yield from _of_time(settings)


def _of_regions(settings: EnvironmentSettings) -> Iterator[Fault]:
    if not settings.regions:
        yield Fault(("regions",), "empty-list", "an environment needs at least one region")
    for index, region in enumerate(settings.regions):
        if region in settings.regions[:index]:
            yield Fault(("regions", index), "duplicate-item", f"'{region}' is listed twice", "remove one")
    for region in settings.targets:
        if region not in settings.regions:
            yield _no_such_region(settings, ("targets", region), region)


def _of_waves(settings: EnvironmentSettings) -> Iterator[Fault]:
    if not settings.waves:
        return
    seen: set[str] = set()
    for number, wave in enumerate(settings.waves):
        if not wave:
            yield Fault(("waves", number), "empty-list", "a wave needs at least one region", "remove it")
        for place, region in enumerate(wave):
            if region not in settings.regions:
                yield _no_such_region(settings, ("waves", number, place), region)
            elif region in seen:
                message = f"region '{region}' is in two waves"
                yield Fault(("waves", number, place), "duplicate-item", message, "remove it from one of them")
            seen.add(region)
    if missing := [region for region in settings.regions if region not in seen]:
        message = f"these regions are in no wave, so nothing would ever get there: {', '.join(missing)}"
        yield Fault(("waves",), "region-without-wave", message, f"add [{', '.join(missing)}] as a wave", ("regions",))


def _no_such_region(settings: EnvironmentSettings, path: tuple[str | int, ...], region: str) -> Fault:
    message = f"the environment is not in region '{region}'"
    listed = ", ".join(settings.regions)
    return Fault(path, "unknown-region", message, f"its regions are: {listed}", ("regions",))


def _of_strategy(settings: EnvironmentSettings) -> Iterator[Fault]:
    match settings.strategy:
        case Recreate() if settings.critical:
            message = "'recreate' leaves nothing running between the old release and the new one: not for this one"
            hint = "choose rolling, blue-green or canary, or take 'critical' away"
            yield Fault(("strategy",), "recreate-on-critical", message, hint, ("critical",))
        case Rolling(max_unavailable=fewer, max_surge=more) if not (_some(fewer) or _some(more)):
            message = "with 'max_surge' and 'max_unavailable' both 0 no instance could ever be replaced"
            yield Fault(("strategy", "rolling"), "rolling-stuck", message, "give one of them at least 1")
        case Canary() as canary:
            yield from _of_canary(canary)


def _some(amount: object) -> bool:
    return bool(getattr(amount, "count", 0) or getattr(amount, "percent", 0))


def _of_canary(canary: Canary) -> Iterator[Fault]:
    before = -1
    for index, step in enumerate(canary.steps):
        path = ("strategy", "canary", "steps", index, "weight")
        if not 0 <= step.weight <= 100:
            message = f"a weight of {step.weight}% can't be: all requests together are 100%"
            yield Fault(path, "weight-out-of-bounds", message, "write a weight from 1 to 100")
        elif step.weight == 0 and index:
            yield Fault(path, "weight-out-of-bounds", "only the first step can have no requests at all")
        elif step.weight <= before:
            falls = "falls" if step.weight < before else "does not grow"
            message = f"the weight {falls}: {step.weight}% after {before}%"
            yield Fault(path, "weight-falls", message, "put the steps in the order of their weights")
        before = max(before, step.weight)
    if not canary.steps:
        yield Fault(("strategy", "canary", "steps"), "empty-list", "a canary needs at least one step")
    elif before < 100:
        message = f"the last step has {before}%, so the new release would never get all requests"
        yield Fault(("strategy", "canary", "steps"), "canary-incomplete", message, "add '- weight: 100' at the end")
    if not 0 <= canary.mirror <= 100:
        message = f"{canary.mirror}% of the requests can't be mirrored"
        yield Fault(("strategy", "canary", "mirror"), "weight-out-of-bounds", message, "write 0 to 100")


def _of_static_targets(settings: EnvironmentSettings) -> Iterator[Fault]:
    static = [region for region in settings.regions if isinstance(settings.target_in(region), StaticTarget)]
    if not static:
        return
    about = ("target", "targets", "regions")
    if isinstance(settings.strategy, Canary | Rolling):
        word = _WORDS[type(settings.strategy)]
        message = f"a static target is switched at once and has no instances: '{word}' can't be done ({static[0]})"
        yield Fault(("strategy",), "strategy-needs-instances", message, "use 'recreate' or 'blue-green'", about)
    for index, probe in enumerate(settings.probes):
        message = f"probe '{probe.name}' would ask instances, and a static target has none ({static[0]})"
        yield Fault(("probes", index), "target-without-instances", message, "remove it", about)
    for index, check in enumerate(settings.analysis.checks):
        if check.metric:
            message = f"'{check.metric}' is measured at instances, and a static target has none ({static[0]})"
            hint = "ask a Prometheus: 'query' and 'analysis.source'"
            yield Fault(("analysis", "checks", index), "target-without-instances", message, hint, about)


def _of_checks(settings: EnvironmentSettings) -> Iterator[Fault]:
    baseline = isinstance(settings.strategy, Canary) and settings.strategy.baseline
    for index, check in enumerate(settings.analysis.checks):
        path = ("analysis", "checks", index)
        yield from _of_measure(check, path)
        if not (check.compare or check.budget or check.min is not None or check.max is not None):
            message = f"check '{check.name}' could never fail: it has no limit"
            yield Fault(path, "check-without-limit", message, "add 'max', 'min', 'compare' or 'budget'")
        if check.min is not None and check.max is not None and check.min > check.max:
            message = f"nothing is at least {check.min:g} and at most {check.max:g}"
            yield Fault((*path, "min"), "limits-crossed", message, "exchange 'min' and 'max'")
        if (check.compare or "$baseline" in check.query) and not baseline:
            message = f"check '{check.name}' compares with a baseline, and there is none"
            hint = "use the strategy 'canary' with 'baseline: true'"
            yield Fault(path, "compare-without-baseline", message, hint, ("strategy",))
    yield from _of_names("analysis", [check.name for check in settings.analysis.checks], "checks")


def _of_measure(check: Check, path: tuple[str | int, ...]) -> Iterator[Fault]:
    """What a check asks for: one of `query` and `metric`."""
    if check.query and check.metric:
        message = "a check asks for a 'metric' or by a 'query', not both"
        yield Fault((*path, "query"), "conflicting-keys", message, "remove one of them")
    elif not (check.query or check.metric):
        hint = f"add 'metric: {METRICS[0]}', or 'query'"
        yield Fault(path, "missing-key", "a check needs 'metric' or 'query'", hint)
    if check.metric and check.metric not in METRICS:
        message = f"unknown metric '{check.metric[:80]}'"
        yield Fault((*path, "metric"), "unknown-metric", message, f"known: {', '.join(METRICS)}")
    for name in dict.fromkeys(_VARIABLE.findall(check.query)):
        if name not in QUERY_VARIABLES:
            known = ", ".join(f"${each}" for each in QUERY_VARIABLES)
            message = f"the query has '${name[:80]}', which nothing fills in"
            yield Fault((*path, "query"), "unknown-variable", message, f"known: {known}")
    if check.budget and check.metric not in ("", "error-rate"):
        message = f"'budget' is about a ratio of errors, which '{check.metric}' is not"
        yield Fault((*path, "budget"), "conflicting-keys", message, "use 'metric: error-rate', or a 'query'")


def _of_names(key: str, names: Sequence[str], *more: str) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"there are two of the name '{name}'"
            yield Fault((key, *more, index, "name"), "duplicate-item", message, "give it another name")


def _of_time(settings: EnvironmentSettings) -> Iterator[Fault]:
    """The steps of a strategy must fit into the deadline, or every deployment would go back."""
    planned = 0.0
    match settings.strategy:
        case Canary(steps=steps):
            planned = sum(step.hold_seconds or 0 for step in steps)
        case BlueGreen(keep_old_seconds=keep):
            planned = keep
    if planned >= settings.deadline_seconds:
        message = f"the strategy alone takes {planned:g} s, the deadline is {settings.deadline_seconds:g} s"
        hint = f"write 'deadline: {int(planned) + 1800}s', or shorten the strategy"
        yield Fault(("deadline",), "deadline-too-short", message, hint, ("strategy",))
