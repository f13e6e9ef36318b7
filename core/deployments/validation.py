"""What is wrong with settings that are sound one by one, once a strategy meets a target: what no deployment could do,
or would do unseen. Part of core/environments/rules.py, and asked again where a deployment begins.
"""

from collections.abc import Iterator

from core.deployments.rolling import limits
from core.deployments.strategies import chosen
from core.deployments.wishes import replicas_of
from core.environments.problems import SettingsProblem
from core.environments.settings import BlueGreen, Canary, EnvironmentSettings, Recreate, Rolling, StaticTarget, Target

Problems = Iterator[SettingsProblem]


def problems(settings: EnvironmentSettings, region: str | None = None) -> tuple[SettingsProblem, ...]:
    """All that is wrong for the target of `region`, or for any of its targets. Empty: it is sound."""
    regions = settings.regions if region is None else (region,)
    found = [each for name in regions for each in _target(settings, settings.target_in(name))]
    return tuple(dict.fromkeys((*found, *_unseen(settings))))


def _target(settings: EnvironmentSettings, target: Target) -> Problems:
    strategy = chosen(settings, target)
    if isinstance(target, StaticTarget):
        yield from _static(strategy, target)
    elif isinstance(strategy, Recreate) and settings.critical:
        told = "recreate stops the old release before the new one runs, and this environment is critical"
        yield SettingsProblem("strategy", "recreate-refused", told)
    elif isinstance(strategy, Rolling) and limits(strategy, replicas_of(target)) == (0, 0):
        told = (
            f"max_surge and max_unavailable both come to 0 of {replicas_of(target)} replicas: no instance could ever "
            "be replaced; let one of them be at least 1"
        )
        yield SettingsProblem("strategy", "rolling-stuck", told)


def _static(strategy: object, target: StaticTarget) -> Problems:
    if isinstance(strategy, Canary | Rolling):
        kind = "canary" if isinstance(strategy, Canary) else "rolling"
        told = (
            f"'{target.link}' is a static target: one directory that is switched as a whole, so {kind} has "
            "nothing to share requests between; use recreate or blue-green"
        )
        yield SettingsProblem("strategy", "strategy-unfit", told)


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
        yield SettingsProblem("analysis.checks", "analysis-unseen", f"{told} ({first:g} s): give `watch` more time")
    elif 0 < longest <= first:
        told = f"the steps are held for {longest:g} s in all, the first sample of all checks comes after {first:g} s"
        yield SettingsProblem("analysis.checks", "analysis-unseen", f"{told}: hold them longer, or sample more often")


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
