"""What is wrong with the analysis of an environment and its synthetic checks."""

import math
from collections.abc import Iterator
from urllib.parse import urlsplit

from core.analysis.queries import METRICS, VARIABLES, QueryError, fill
from core.environments.problems import SettingsProblem, at_least, within
from core.environments.settings import Analysis, Canary, Check, EnvironmentSettings, Probe
from core.pipeline.report import did_you_mean


def analysis_problems(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    """Paths begin at the environment."""
    analysis = settings.analysis
    yield from at_least(0.1, "analysis.interval_seconds", analysis.interval_seconds)
    yield from at_least(0.1, "analysis.window_seconds", analysis.window_seconds)
    yield from at_least(0.1, "analysis.timeout_seconds", analysis.timeout_seconds)
    yield from _source(analysis)
    baseline = isinstance(settings.strategy, Canary) and settings.strategy.baseline
    names: set[str] = set()
    for index, check in enumerate(analysis.checks):
        path = f"analysis.checks[{index}]"
        if check.name in names:
            yield SettingsProblem(f"{path}.name", "check-duplicate", f"there are two checks '{check.name[:80]}'")
        names.add(check.name)
        yield from (each.under(path) for each in _check(check, baseline))


def _source(analysis: Analysis) -> Iterator[SettingsProblem]:
    if not analysis.source:
        return
    try:
        parts = urlsplit(analysis.source)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.password
    except ValueError:
        good = False
    if not good:
        message = f"'{analysis.source[:200]}' must be the http or https URL of a Prometheus, without a password"
        yield SettingsProblem("analysis.source", "url-invalid", message)


def _check(check: Check, baseline: bool) -> Iterator[SettingsProblem]:
    if not check.name.strip():
        yield SettingsProblem("name", "name-missing", "a check has a name")
    if bool(check.query) == bool(check.metric):
        yield SettingsProblem("", "check-unclear", "a check has either a query or a metric")
    elif check.metric and check.metric not in METRICS:
        hint = did_you_mean(check.metric, METRICS) or f"choose from {', '.join(METRICS)}"
        yield SettingsProblem("metric", "metric-unknown", f"there is no metric '{check.metric[:80]}'; {hint}")
    if check.query:
        yield from _query(check.query)
    yield from at_least(0, "min_samples", check.min_samples)
    yield from at_least(0, "initial_delay_seconds", check.initial_delay_seconds)
    yield from at_least(0, "failure_limit", check.failure_limit)
    yield from at_least(0, "inconclusive_limit", check.inconclusive_limit)
    yield from at_least(0, "consecutive_error_limit", check.consecutive_error_limit)
    yield from _bounds(check)
    yield from _comparison(check, baseline)


def _query(query: str) -> Iterator[SettingsProblem]:
    try:
        fill(query, dict.fromkeys(VARIABLES, "x"))
    except QueryError as error:
        yield SettingsProblem("query", "query-invalid", str(error))


def _bounds(check: Check) -> Iterator[SettingsProblem]:
    if check.min is None and check.max is None and check.compare is None and check.budget is None:
        yield SettingsProblem("", "check-boundless", "a check has a max, a min, a comparison or an error budget")
    for field, value in (("min", check.min), ("max", check.max)):
        if value is not None and not math.isfinite(value):
            yield SettingsProblem(field, "out-of-bounds", f"{value} is no number to compare with")
    if check.min is not None and check.max is not None and check.min > check.max:
        message = f"min {check.min:g} is more than max {check.max:g}: no sample could pass"
        yield SettingsProblem("min", "bounds-crossed", message)


def _comparison(check: Check, baseline: bool) -> Iterator[SettingsProblem]:
    compare, budget = check.compare, check.budget
    if compare is not None:
        if not baseline:
            message = "a comparison needs a baseline: a canary with baseline: true"
            yield SettingsProblem("compare", "baseline-missing", message)
        yield from within(0.0001, 0.5, "compare.alpha", compare.alpha)
        yield from at_least(0, "compare.tolerance", compare.tolerance)
        yield from at_least(2, "compare.min_points", compare.min_points)
    if budget is not None:
        if not 0 < budget.objective < 1:
            message = f"{budget.objective:g} is out of bounds; an objective is a fraction such as 0.999"
            yield SettingsProblem("budget.objective", "out-of-bounds", message)
        yield from at_least(0, "budget.max_burn", budget.max_burn)


def probe_problems(probes: tuple[Probe, ...]) -> Iterator[SettingsProblem]:
    names: set[str] = set()
    for index, probe in enumerate(probes):
        path = f"probes[{index}]"
        if not probe.name.strip():
            yield SettingsProblem(f"{path}.name", "name-missing", "a probe has a name")
        if probe.name in names:
            yield SettingsProblem(f"{path}.name", "probe-duplicate", f"there are two probes '{probe.name[:80]}'")
        names.add(probe.name)
        yield from (each.under(path) for each in _probe(probe))


def _probe(probe: Probe) -> Iterator[SettingsProblem]:
    if not probe.path.startswith("/") or not probe.path.isprintable() or " " in probe.path:
        message = f"'{probe.path[:200]}' must be the path of a URL, beginning with '/'"
        yield SettingsProblem("path", "path-invalid", message)
    if not probe.when:
        yield SettingsProblem("when", "when-missing", "say when it is sent: before, during, after")
    yield from within(100, 599, "expect_status", probe.expect_status)
    yield from within(1, 100, "attempts", probe.attempts)
    yield from at_least(0.05, "timeout_seconds", probe.timeout_seconds)
    if probe.max_latency_seconds is not None:
        yield from at_least(0.001, "max_latency_seconds", probe.max_latency_seconds)
