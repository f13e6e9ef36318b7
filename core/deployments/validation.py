"""What is wrong with an environment's settings beyond their shape: what no deployment could do, or would do unseen."""

from collections.abc import Iterator

import msgspec

from core.analysis.queries import METRICS
from core.deployments.rolling import limits
from core.deployments.strategies import chosen
from core.deployments.wishes import replicas_of
from core.environments.settings import (
    BlueGreen,
    Canary,
    Check,
    EnvironmentSettings,
    Recreate,
    Rolling,
    StaticTarget,
    Target,
)


class SettingsProblem(msgspec.Struct, frozen=True):
    """`path` is the key path in the environment (`strategy.canary.steps[1].weight`); `code` is stable kebab-case."""

    code: str
    path: str
    message: str


Problems = Iterator[SettingsProblem]


def problems(settings: EnvironmentSettings, region: str | None = None) -> tuple[SettingsProblem, ...]:
    """All that is wrong for the target of `region`, or for any of its targets. Empty: it is sound."""
    if region is not None:
        targets = [("target", settings.target_in(region))]
    else:
        own = [(f"targets.{name}", target) for name, target in settings.targets.items()]
        covered = set(settings.regions) <= set(settings.targets)
        targets = own if covered and own else [("target", settings.target), *own]
    found = list(_times(settings))
    for path, target in targets:
        found += _target(settings, path, target)
    found += _checks(settings)
    return tuple(dict.fromkeys(found))


def _times(settings: EnvironmentSettings) -> Problems:
    for name, value in (
        ("analysis.interval", settings.analysis.interval_seconds),
        ("analysis.timeout", settings.analysis.timeout_seconds),
        ("analysis.window", settings.analysis.window_seconds),
        ("deadline", settings.deadline_seconds),
    ):
        if value <= 0:
            yield SettingsProblem("time-invalid", name, f"{value:g} s: it must be longer than nothing")
    if settings.watch_seconds < 0:
        yield SettingsProblem("time-invalid", "watch", f"{settings.watch_seconds:g} s is in the past")


def _target(settings: EnvironmentSettings, path: str, target: Target) -> Problems:
    if replicas_of(target) < 1:
        yield SettingsProblem("replicas-invalid", f"{path}.replicas", f"{replicas_of(target)}: at least 1 is needed")
        return
    if isinstance(target, StaticTarget):
        yield from _static(settings, path, target)
    match chosen(settings, target):
        case Recreate() if settings.critical and not isinstance(target, StaticTarget):
            told = f"environment '{settings.name}' is critical: recreate stops it; use rolling, blue-green or canary"
            yield SettingsProblem("recreate-critical", "strategy", told)
        case Rolling() as rolling:
            yield from _rolling(rolling, target)
        case BlueGreen(keep_old_seconds=seconds) if seconds < 0:
            yield SettingsProblem("time-invalid", "strategy.blue-green.keep_old", f"{seconds:g} s is in the past")
        case Canary() as canary:
            yield from _canary(canary)


def _static(settings: EnvironmentSettings, path: str, target: StaticTarget) -> Problems:
    strategy = settings.strategy
    if isinstance(strategy, Canary | Rolling):
        kind = "canary" if isinstance(strategy, Canary) else "rolling"
        told = (
            f"'{target.link}' ({path}) is a static target: one directory that is switched as a whole, so {kind} has "
            "nothing to share requests between; use recreate or blue-green"
        )
        yield SettingsProblem("strategy-unsupported", "strategy", told)
    if settings.probes:
        told = f"'{target.link}' ({path}) is a static target: it has no server that a probe could ask"
        yield SettingsProblem("probe-unsupported", "probes", told)


def _rolling(rolling: Rolling, target: Target) -> Problems:
    for name, amount in (("max_surge", rolling.max_surge), ("max_unavailable", rolling.max_unavailable)):
        if min(amount.count, amount.percent or 0) < 0:
            yield SettingsProblem("amount-invalid", f"strategy.rolling.{name}", "it is less than nothing")
            return
    if limits(rolling, replicas_of(target)) == (0, 0):
        told = (
            f"max_surge and max_unavailable both come to 0 of {replicas_of(target)} replicas: "
            "no instance could ever be replaced; let one of them be at least 1"
        )
        yield SettingsProblem("rolling-stands-still", "strategy.rolling", told)


def _canary(canary: Canary) -> Problems:
    wrong = tuple(_weights(canary))
    yield from wrong
    last = canary.steps[-1].weight if canary.steps else 0
    if last != 100 and not wrong:
        told = f"the last step has weight {last}: it must be 100" if canary.steps else "there are no steps"
        yield SettingsProblem("weights-invalid", "strategy.canary.steps", told)
    for index, step in enumerate(canary.steps):
        if (step.hold_seconds or 0) < 0:
            path = f"strategy.canary.steps[{index}]"
            yield SettingsProblem("time-invalid", path, f"{step.hold_seconds:g} s is in the past")
    if not 0 <= canary.mirror <= 100:
        told = f"{canary.mirror} is not between 0 and 100"
        yield SettingsProblem("weights-invalid", "strategy.canary.mirror", told)


def _weights(canary: Canary) -> Problems:
    before = 0
    for index, step in enumerate(canary.steps):
        path = f"strategy.canary.steps[{index}].weight"
        if not 1 <= step.weight <= 100:
            yield SettingsProblem("weights-invalid", path, f"weight {step.weight} is not between 1 and 100")
        elif step.weight <= before:
            yield SettingsProblem("weights-invalid", path, f"weight {step.weight} after {before}: weights must grow")
        before = step.weight


def _checks(settings: EnvironmentSettings) -> Problems:
    names: set[str] = set()
    for index, check in enumerate(settings.analysis.checks):
        path = f"analysis.checks[{index}]"
        if check.name in names:
            yield SettingsProblem("check-invalid", f"{path}.name", f"there are two checks '{check.name}'")
        names.add(check.name)
        yield from (SettingsProblem("check-invalid", path, told) for told in _check(check))
        if check.compare is not None and not _has_baseline(settings):
            told = (
                f"check '{check.name}' compares, but only a canary with `baseline: true` has something to compare with"
            )
            yield SettingsProblem("baseline-missing", f"{path}.compare", told)
    probes = [probe.name for probe in settings.probes]
    for name in sorted({name for name in probes if probes.count(name) > 1}):
        yield SettingsProblem("probe-invalid", "probes", f"there are two probes '{name}'")
    yield from _unseen(settings)


def _check(check: Check) -> Iterator[str]:
    if bool(check.query) == bool(check.metric):
        yield f"check '{check.name}' needs either a query or a metric"
    elif check.metric and check.metric not in METRICS:
        yield f"check '{check.name}': no metric '{check.metric}' is known (known: {', '.join(METRICS)})"
    if check.max is None and check.min is None and check.compare is None and check.budget is None:
        yield f"check '{check.name}' has no max, min, compare or budget: it could not fail"
    if check.max is not None and check.min is not None and check.min > check.max:
        yield f"check '{check.name}': min {check.min:g} is above max {check.max:g}"
    if check.budget is not None and not 0 < check.budget.objective < 1:
        yield f"check '{check.name}': objective {check.budget.objective:g} is not between 0 and 1"
    if min(check.failure_limit, check.inconclusive_limit, check.consecutive_error_limit, check.min_samples) < 0:
        yield f"check '{check.name}': a limit is below 0"


def _has_baseline(settings: EnvironmentSettings) -> bool:
    return isinstance(settings.strategy, Canary) and settings.strategy.baseline


def _unseen(settings: EnvironmentSettings) -> Problems:
    """Checks that never get a sample would let everything pass."""
    targets = [settings.target_in(region) for region in settings.regions] or [settings.target]
    waits = [_longest_wait(settings, target) for target in targets]
    if not settings.analysis.checks or None in waits:
        return
    longest = min(each for each in waits if each is not None)
    first = settings.analysis.interval_seconds + max(each.initial_delay_seconds for each in settings.analysis.checks)
    if longest == 0 and settings.watch_seconds < first:
        told = f"the strategy holds no step, and the watch of {settings.watch_seconds:g} s ends before the first sample"
        yield SettingsProblem("analysis-unseen", "analysis", f"{told} ({first:g} s): give `watch` more time")
    elif 0 < longest <= first:
        told = f"the steps are held for {longest:g} s in all, the first sample of all checks comes after {first:g} s"
        yield SettingsProblem("analysis-unseen", "analysis", f"{told}: hold them longer, or sample more often")


def _longest_wait(settings: EnvironmentSettings, target: Target) -> float | None:
    """All timed holds that are analysed; None where a person ends one."""
    match chosen(settings, target):
        case BlueGreen(keep_old_seconds=seconds):
            return seconds
        case Canary(steps=steps):
            holds = [each.hold_seconds for each in steps if each.weight < 100]
            rest = [each.hold_seconds or 0 for each in steps if each.weight >= 100]
            return None if None in holds else sum(each for each in (*holds, *rest) if each is not None)
    return 0
