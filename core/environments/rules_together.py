"""What is wrong with settings that are right one by one: times that don't fit, measures of what isn't there."""

from collections.abc import Iterator

from core.environments.problems import SettingsProblem
from core.environments.settings import BlueGreen, Canary, EnvironmentSettings, StaticTarget


def together_problems(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    """Paths begin at the environment."""
    yield from _deadline(settings)
    yield from _static(settings)
    for index, check in enumerate(settings.analysis.checks):
        if check.budget is not None and check.metric not in ("", "error-rate"):
            message = f"an error budget is about a ratio of errors, which '{check.metric[:80]}' is not"
            yield SettingsProblem(f"analysis.checks[{index}].budget", "budget-unfit", message)


def _deadline(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    """The holds of a strategy are part of the deployment, which goes back when its deadline comes."""
    held = 0.0
    match settings.strategy:
        case Canary(steps=steps):
            held = sum(step.hold_seconds or 0 for step in steps)
        case BlueGreen(keep_old_seconds=seconds):
            held = seconds
    if held and held >= settings.deadline_seconds:
        message = (
            f"the strategy alone takes {held:g} s, and after {settings.deadline_seconds:g} s every deployment goes back"
        )
        yield SettingsProblem("deadline_seconds", "deadline-too-short", message)


def _static(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    targets = [settings.target_in(region) for region in settings.regions]
    if not any(isinstance(target, StaticTarget) for target in targets):
        return
    for index, probe in enumerate(settings.probes):
        message = f"probe '{probe.name[:80]}' asks instances, and a static target has none"
        yield SettingsProblem(f"probes[{index}]", "target-without-instances", message)
    for index, check in enumerate(settings.analysis.checks):
        if check.metric:
            message = f"'{check.metric[:80]}' is measured at instances, and a static target has none"
            yield SettingsProblem(f"analysis.checks[{index}].metric", "target-without-instances", message)
