"""What is wrong with a strategy: weights that fall or pass 100, holds that never end by themselves, unsafe choices."""

import re
from collections.abc import Iterator
from typing import Final

from core.environments.problems import SettingsProblem, at_least, within
from core.environments.settings import (
    Amount,
    BlueGreen,
    Canary,
    EnvironmentSettings,
    HeaderRoute,
    Recreate,
    Rolling,
    StaticTarget,
)

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def strategy_problems(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    """Paths begin at the environment."""
    strategy = settings.strategy
    if isinstance(strategy, Recreate) and settings.critical:
        message = "recreate stops the old release before the new one runs, and this environment is critical"
        yield SettingsProblem("strategy", "recreate-refused", message)
    elif isinstance(strategy, Rolling):
        yield from (each.under("strategy") for each in _rolling(strategy))
    elif isinstance(strategy, BlueGreen):
        yield from at_least(0, "strategy.keep_old_seconds", strategy.keep_old_seconds)
    elif isinstance(strategy, Canary):
        yield from (each.under("strategy") for each in _canary(strategy))
    if isinstance(strategy, Canary) or (strategy is None and settings.risk == "high"):
        yield from _weightless(settings)


def _weightless(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    for target in (settings.target, *settings.targets.values()):
        if isinstance(target, StaticTarget):
            message = "a static target is switched at once and can't share traffic: use recreate or blue-green"
            yield SettingsProblem("strategy", "strategy-unfit", message)
            return


def _rolling(strategy: Rolling) -> Iterator[SettingsProblem]:
    for field, amount in (("max_unavailable", strategy.max_unavailable), ("max_surge", strategy.max_surge)):
        yield from at_least(0, f"{field}.count", amount.count)
        if amount.percent is not None:
            yield from within(0, 100, f"{field}.percent", amount.percent)
    if _nothing(strategy.max_unavailable) and _nothing(strategy.max_surge):
        message = "max_unavailable and max_surge are both 0, so no instance could ever be replaced"
        yield SettingsProblem("", "rolling-stuck", message)


def _nothing(amount: Amount) -> bool:
    return (amount.count if amount.percent is None else amount.percent) <= 0


def _canary(strategy: Canary) -> Iterator[SettingsProblem]:
    yield from within(0, 100, "mirror", strategy.mirror)
    for index, route in enumerate(strategy.headers):
        yield from (each.under(f"headers[{index}]") for each in _route(route))
    if not strategy.steps:
        yield SettingsProblem("steps", "steps-missing", "a canary has at least one step, and the last has weight 100")
        return
    highest = 0
    for index, step in enumerate(strategy.steps):
        path = f"steps[{index}]"
        yield from within(0, 100, f"{path}.weight", step.weight)
        if step.weight < highest:
            message = f"weight {step.weight} is less than {highest} before it; the weights of a canary never fall"
            yield SettingsProblem(f"{path}.weight", "weights-fall", message)
        highest = max(highest, step.weight)
        if step.hold_seconds is not None:
            yield from at_least(0, f"{path}.hold_seconds", step.hold_seconds)
    last = strategy.steps[-1].weight
    if last < 100:
        message = f"the last step has weight {last}; it must be 100, or the rollout would never be complete"
        yield SettingsProblem(f"steps[{len(strategy.steps) - 1}].weight", "weights-incomplete", message)


def _route(route: HeaderRoute) -> Iterator[SettingsProblem]:
    if not _HEADER.fullmatch(route.header):
        yield SettingsProblem("header", "header-invalid", f"'{route.header[:80]}' is no name of an HTTP header")
    if not route.value or len(route.value) > 200 or not route.value.isascii() or not route.value.isprintable():
        message = f"'{route.value[:80]}' can't be compared with: use 1 to 200 printable ASCII characters"
        yield SettingsProblem("value", "header-invalid", message)
