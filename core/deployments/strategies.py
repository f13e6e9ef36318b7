"""What a deployment will do, step by step: from its strategy, or from the risk where none is given.

| risk     | strategy                              | on a static target  |
|----------|---------------------------------------|---------------------|
| low      | rolling, all at once                  | recreate (a switch) |
| medium   | rolling, a quarter at a time          | recreate (a switch) |
| high     | canary 5%, 25%, 100%                  | blue-green          |
| critical | blue-green, switched by hand          | the same            |

| there is now        | then                                                             |
|---------------------|------------------------------------------------------------------|
| nothing             | straight to the new release, probed before and after            |
| the same release    | one step that makes the target as it should be, probed after     |
| another release     | the strategy's steps                                             |
"""

from collections.abc import Iterator

from core.deployments import wishes
from core.deployments.canary import canary_steps
from core.deployments.events import Step
from core.deployments.rolling import rolling_steps
from core.deployments.target_state import TargetState
from core.environments.release import Release
from core.environments.settings import (
    Amount,
    BlueGreen,
    Canary,
    CanaryStep,
    EnvironmentSettings,
    Recreate,
    Risk,
    Rolling,
    StaticTarget,
    Strategy,
    Target,
)

BY_RISK: dict[Risk, Strategy] = {
    "low": Rolling(max_surge=Amount(percent=100)),
    "medium": Rolling(),
    "high": Canary(steps=(CanaryStep(5, 300), CanaryStep(25, 600), CanaryStep(100, 0))),
    "critical": BlueGreen(manual=True),
}
BY_RISK_STATIC: dict[Risk, Strategy] = {
    "low": Recreate(),
    "medium": Recreate(),
    "high": BlueGreen(),
    "critical": BlueGreen(manual=True),
}


def chosen(settings: EnvironmentSettings, target: Target) -> Strategy:
    """The strategy that is used on `target`."""
    if settings.strategy is not None:
        return settings.strategy
    return (BY_RISK_STATIC if isinstance(target, StaticTarget) else BY_RISK)[settings.risk]


def steps(settings: EnvironmentSettings, region: str, old: Release | None, new: Release) -> tuple[Step, ...]:
    """All steps from `old` to `new` in a region. The settings are sound (see validation.py)."""
    target = settings.target_in(region)
    replicas = wishes.replicas_of(target)
    smoke = any("before" in probe.when for probe in settings.probes)
    if old is None:
        return tuple(_first_steps(new, replicas, smoke))
    if old.id == new.id:
        return (Step("redeploy", wishes.whole(new, replicas), probe="after", analyse=True),)
    strategy = chosen(settings, target)
    match strategy:
        case Rolling():
            return tuple(rolling_steps(strategy, old, new, replicas, smoke))
        case Canary():
            return tuple(canary_steps(strategy, old, new, replicas, smoke))
        case BlueGreen():
            return tuple(_blue_green_steps(strategy, old, new, replicas))
        case Recreate():
            return tuple(_recreate_steps(isinstance(target, StaticTarget), new, replicas, smoke))


def rollback_step(settings: EnvironmentSettings, region: str, release: Release | None) -> Step:
    """Everything on `release` as quickly as can be; nothing at all where there is nothing to go back to."""
    replicas = wishes.replicas_of(settings.target_in(region))
    wish = TargetState(at_once=True) if release is None else wishes.whole(release, replicas, at_once=True)
    return Step("roll back", wish)


def _first_steps(new: Release, replicas: int, smoke: bool) -> Iterator[Step]:
    if smoke:
        yield Step("smoke test", TargetState(sets=(wishes.canary(new, replicas, 0),)), probe="before")
    yield Step("start", wishes.whole(new, replicas), probe="after", analyse=True)


def _recreate_steps(static: bool, new: Release, replicas: int, smoke: bool) -> Iterator[Step]:
    """A static target needs no stop: its link is switched."""
    if not static:
        yield Step("stop old", TargetState())
        yield from _first_steps(new, replicas, smoke)
    else:
        yield Step("switch", wishes.whole(new, replicas), probe="after", analyse=True)


def _blue_green_steps(strategy: BlueGreen, old: Release, new: Release, replicas: int) -> Iterator[Step]:
    blue, green = wishes.stable(old, replicas, 100), wishes.canary(new, replicas, 0)
    held = None if strategy.manual else 0
    yield Step("start green", TargetState(sets=(blue, green)), held, "before")
    switched = (wishes.stable(old, replicas, 0), wishes.canary(new, replicas, 100))
    yield Step("switch", TargetState(sets=switched), wishes.seconds(strategy.keep_old_seconds), "after", analyse=True)
    yield Step("remove old", wishes.whole(new, replicas), analyse=True)
