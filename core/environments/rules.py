"""What is wrong with settings of environments: for the catalog's API and for `delivery.yml`, in the same words.

A problem's path names the field (`production.strategy.steps[1].weight`), as EnvironmentSettings spells it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from core.deployments.validation import problems as target_and_strategy_problems
from core.environments.problems import SettingsProblem, at_least, within
from core.environments.rules_measuring import analysis_problems, probe_problems
from core.environments.rules_strategy import strategy_problems
from core.environments.rules_target import target_problems
from core.environments.rules_together import together_problems
from core.environments.settings import EnvironmentSettings, Window
from core.pipeline.scalars import check_cron, check_timezone

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_LONGEST_WATCH: Final = 7 * 86400
_LONGEST_WINDOW: Final = 366 * 86400


def problems_of(environments: tuple[EnvironmentSettings, ...]) -> tuple[SettingsProblem, ...]:
    """All there is to say against them; nothing where they can be used."""
    counted = Counter(each.name for each in environments)
    found = [
        SettingsProblem(name, "environment-duplicate", f"environment '{name}' is there {count} times")
        for name, count in counted.items()
        if count > 1
    ]
    for each in environments:
        found += environment_problems(each)
    return tuple(found)


def environment_problems(settings: EnvironmentSettings) -> list[SettingsProblem]:
    """Of one environment; paths begin with its name."""
    name = settings.name
    parts = (
        _name(settings),
        _regions(settings),
        _waves(settings),
        strategy_problems(settings),
        _target(settings),
        _times(settings),
        _approval(settings),
        _windows("freezes", settings.freezes),
        _windows("windows", settings.windows),
        analysis_problems(settings),
        probe_problems(settings.probes),
        together_problems(settings),
    )
    found = [each.under(name[:80]) for part in parts for each in part]
    # What follows from a mistake is not a second one.
    return found or [each.under(name) for each in target_and_strategy_problems(settings)]


def _name(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    if not _NAME.fullmatch(settings.name):
        message = f"'{settings.name[:80]}' is no name: use 1 to 40 lower-case letters, digits and '-'"
        yield SettingsProblem("name", "name-invalid", message)


def _regions(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    if not settings.regions:
        yield SettingsProblem("regions", "regions-missing", "an environment is in at least one region")
    for index, region in enumerate(settings.regions):
        if not _NAME.fullmatch(region):
            yield SettingsProblem(f"regions[{index}]", "region-invalid", f"'{region[:80]}' is no name of a region")
        if region in settings.regions[:index]:
            yield SettingsProblem(f"regions[{index}]", "region-duplicate", f"region '{region}' is named twice")


def _waves(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    """Each region once."""
    seen: set[str] = set()
    for index, wave in enumerate(settings.waves):
        if not wave:
            yield SettingsProblem(f"waves[{index}]", "wave-empty", "a wave has at least one region")
        for place, region in enumerate(wave):
            path = f"waves[{index}][{place}]"
            if region not in settings.regions:
                known = ", ".join(settings.regions)
                message = f"'{region[:80]}' is none of the environment's regions ({known})"
                yield SettingsProblem(path, "region-unknown", message)
            elif region in seen:
                yield SettingsProblem(path, "region-duplicate", f"region '{region}' is in two waves")
            seen.add(region)
    missing = [region for region in settings.regions if settings.waves and region not in seen]
    if missing:
        message = f"no wave has region '{missing[0]}'; each region belongs into one"
        yield SettingsProblem("waves", "region-without-wave", message)


def _target(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    yield from (each.under("target") for each in target_problems(settings.target))
    for region, target in settings.targets.items():
        path = f"targets.{region[:80]}"
        if region not in settings.regions:
            known = ", ".join(settings.regions)
            message = f"'{region[:80]}' is none of the environment's regions ({known})"
            yield SettingsProblem(path, "region-unknown", message)
        yield from (each.under(path) for each in target_problems(target))


def _times(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    bake = settings.bake
    yield from at_least(0, "bake.time_seconds", bake.time_seconds)
    yield from at_least(0, "bake.min_requests", bake.min_requests)
    yield from at_least(1, "bake.give_up_seconds", bake.give_up_seconds)
    yield from within(0, _LONGEST_WATCH, "watch_seconds", settings.watch_seconds)
    yield from at_least(1, "deadline_seconds", settings.deadline_seconds)
    hook = settings.pre_deploy
    if hook is not None:
        yield from at_least(1, "pre_deploy.timeout_seconds", hook.timeout_seconds)
        if not hook.run.strip():
            yield SettingsProblem("pre_deploy.run", "command-missing", "there is no command to run")


def _approval(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    if settings.approval is not None:
        yield from at_least(1, "approval.count", settings.approval.count)
        yield from at_least(1, "approval.timeout_seconds", settings.approval.timeout_seconds)


def _windows(field: str, windows: tuple[Window, ...]) -> Iterator[SettingsProblem]:
    for index, window in enumerate(windows):
        path = f"{field}[{index}]"
        try:
            check_cron(window.cron)
        except ValueError as error:
            yield SettingsProblem(f"{path}.cron", "bad-cron", f"'{window.cron[:100]}': {error}")
        try:
            check_timezone(window.timezone)
        except ValueError as error:
            yield SettingsProblem(f"{path}.timezone", "bad-timezone", f"'{window.timezone[:80]}': {error}")
        if not 60 <= window.duration_seconds <= _LONGEST_WINDOW:
            message = f"{window.duration_seconds} s is out of bounds; a window lasts from a minute to 366 days"
            yield SettingsProblem(f"{path}.duration_seconds", "out-of-bounds", message)
