"""Canary: the new release beside the old with a growing part of the requests.

smoke test  its first instances without any request (where there are probes for it)
mirror      copies of some requests, for as long as the first step takes
canary N%   N percent of the requests, to as many instances as that takes
canary 100% all of them; the old set still stands, so that going back takes an instant
remove old
"""

from collections.abc import Iterator

from core.deployments import wishes
from core.deployments.events import Step
from core.deployments.target_state import TargetState
from core.environments.release import Release
from core.environments.settings import Canary


def canary_steps(canary: Canary, old: Release, new: Release, replicas: int, smoke: bool) -> Iterator[Step]:
    """The step of 100% is not held by a missing time: there is nothing left to wait for."""
    first, last = canary.steps[0], canary.steps[-1]
    begin = (wishes.stable(old, replicas, 100), wishes.canary(new, wishes.share(first.weight, replicas), 0))
    if smoke:
        yield Step("smoke test", TargetState(sets=begin), probe="before")
    if canary.mirror:
        wish = TargetState(sets=begin, mirror=canary.mirror, mirror_to=new.id)
        yield Step(f"mirror {canary.mirror}%", wish, wishes.seconds(first.hold_seconds), analyse=True)
    for step in canary.steps[:-1]:
        wish = _wish(canary, old, new, replicas, step.weight)
        yield Step(f"canary {step.weight}%", wish, wishes.seconds(step.hold_seconds), analyse=True)
    full = TargetState(sets=(wishes.stable(old, replicas, 0), wishes.canary(new, replicas, 100)))
    yield Step("canary 100%", full, wishes.seconds(last.hold_seconds or 0), "after", analyse=True)
    yield Step("remove old", wishes.whole(new, replicas), analyse=True)


def _wish(canary: Canary, old: Release, new: Release, replicas: int, weight: int) -> TargetState:
    """A baseline has as much as the canary, which is possible up to half of the requests."""
    size = wishes.share(weight, replicas)
    baseline = (wishes.baseline(old, size, weight),) if canary.baseline and 2 * weight <= 100 else ()
    rest = 100 - weight * (1 + len(baseline))
    return TargetState(
        sets=(wishes.stable(old, replicas, rest), *baseline, wishes.canary(new, size, weight)),
        headers=canary.headers,
        headers_to=new.id if canary.headers else "",
        affinity=canary.affinity,
    )
