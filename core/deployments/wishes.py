"""Parts that wishes are made of: instance sets, whole target states, and how many instances a target has."""

from collections.abc import Iterable

from msgspec.structs import replace

from core.deployments.events import Step
from core.deployments.target_state import InstanceSet, TargetState
from core.environments.release import Release
from core.environments.settings import Amount, StaticTarget, Target


def replicas_of(target: Target) -> int:
    """A static target is one directory: one instance."""
    return 1 if isinstance(target, StaticTarget) else target.replicas


def resolved(amount: Amount, replicas: int, up: bool = False) -> int:
    """The number of instances meant; a percentage is rounded down, or `up`."""
    if amount.percent is None:
        return amount.count
    return (replicas * amount.percent + (99 if up else 0)) // 100


def share(weight: int, replicas: int) -> int:
    """As many of the replicas as carry `weight` percent of the requests, and at least one."""
    return min(max((replicas * weight + 99) // 100, 1), replicas)


def seconds(hold: float | None) -> float | None:
    """As the log would give it back: a whole number would make a restored state differ from the one that decided."""
    return None if hold is None else float(hold)


def whole(release: Release, replicas: int, at_once: bool = False) -> TargetState:
    """Everything on one release."""
    return TargetState(sets=(stable(release, replicas, 100),), at_once=at_once)


def stable(release: Release, replicas: int, weight: int) -> InstanceSet:
    return InstanceSet(release.id, "stable", release, replicas, weight)


def canary(release: Release, replicas: int, weight: int) -> InstanceSet:
    return InstanceSet(release.id, "canary", release, replicas, weight)


def baseline(release: Release, replicas: int, weight: int) -> InstanceSet:
    """New instances of the old release, to compare the canary with."""
    return InstanceSet(f"{release.id}.baseline", "baseline", release, replicas, weight)


def set_of(wish: TargetState, release_id: str) -> InstanceSet | None:
    """The set of a release that is no baseline."""
    return next((each for each in wish.sets if each.name == release_id), None)


def weight_of(wish: TargetState, release_id: str) -> int:
    found = set_of(wish, release_id)
    return found.weight if found else 0


def brief(step: Step) -> Step:
    """Its releases only by id and artifact: a plan of many steps would repeat their configuration beyond measure."""
    sets = tuple(
        replace(each, release=Release(each.release.id, each.release.app, each.release.artifact))
        for each in step.wish.sets
    )
    return replace(step, wish=replace(step.wish, sets=sets))


def filled(wish: TargetState, releases: Iterable[Release | None]) -> TargetState:
    """What a brief step leaves out, for the deployer."""
    known = {each.id: each for each in releases if each is not None}
    sets = tuple(replace(each, release=known.get(each.release.id, each.release)) for each in wish.sets)
    return replace(wish, sets=sets)
