"""What is wrong with a strategy: weights that fall or pass 100, times of the past, headers that no proxy compares."""

import re
from collections.abc import Iterator
from typing import Final

from core.environments.problems import SettingsProblem, at_least, within
from core.environments.settings import (
    BlueGreen,
    Canary,
    EnvironmentSettings,
    HeaderRoute,
    Rolling,
)

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def strategy_problems(settings: EnvironmentSettings) -> Iterator[SettingsProblem]:
    """Paths begin at the environment. What depends on the target as well is in core/deployments/validation.py."""
    strategy = settings.strategy
    if isinstance(strategy, Rolling):
        yield from (each.under("strategy") for each in _rolling(strategy))
    elif isinstance(strategy, BlueGreen):
        yield from at_least(0, "strategy.keep_old_seconds", strategy.keep_old_seconds)
    elif isinstance(strategy, Canary):
        yield from (each.under("strategy") for each in _canary(strategy))


def _rolling(strategy: Rolling) -> Iterator[SettingsProblem]:
    for field, amount in (("max_unavailable", strategy.max_unavailable), ("max_surge", strategy.max_surge)):
        yield from at_least(0, f"{field}.count", amount.count)
        if amount.percent is not None:
            yield from within(0, 100, f"{field}.percent", amount.percent)


def _canary(strategy: Canary) -> Iterator[SettingsProblem]:
    yield from within(0, 100, "mirror", strategy.mirror)
    for index, route in enumerate(strategy.headers):
        yield from (each.under(f"headers[{index}]") for each in _route(route))
    if not strategy.steps:
        yield SettingsProblem("steps", "steps-missing", "a canary has at least one step, and the last has weight 100")
        return
    before = 0
    for index, step in enumerate(strategy.steps):
        path = f"steps[{index}]"
        yield from within(1, 100, f"{path}.weight", step.weight)
        if 1 <= step.weight <= before:
            message = f"weight {step.weight} after {before}: the weights of a canary grow from step to step"
            yield SettingsProblem(f"{path}.weight", "weights-fall", message)
        before = max(before, step.weight)
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
