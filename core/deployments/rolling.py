"""Rolling: from the old instances to the new in batches, within max_surge and max_unavailable.

A target starts what is missing before it stops what is too much, so on the way from (old, new) to (old', new') there
are up to old + new' instances, and at least old + new ready ones before and old' + new' after:
old + new' <= replicas + surge, and old' + new' >= replicas - unavailable.
"""

from collections.abc import Iterator

from core.deployments import wishes
from core.deployments.events import Step
from core.deployments.target_state import TargetState
from core.environments.release import Release
from core.environments.settings import Rolling


def rolling_steps(rolling: Rolling, old: Release, new: Release, replicas: int, smoke: bool) -> Iterator[Step]:
    """`smoke`: the first new instances are probed before they get any request."""
    counts = tuple(_batches(replicas, *limits(rolling, replicas)))
    before = replicas
    for number, (old_count, new_count) in enumerate(counts, 1):
        if smoke and new_count:
            yield Step("smoke test", _unweighted(old, new, before, new_count), probe="before")
            smoke = False
        last = number == len(counts)
        wish = wishes.whole(new, replicas) if last else _weighted(old, new, old_count, new_count)
        name = f"batch {number} of {len(counts)}"
        yield Step(name, wish, probe="after" if last else "", analyse=new_count > 0)
        before = old_count


def limits(rolling: Rolling, replicas: int) -> tuple[int, int]:
    """(surge, unavailable) in instances. A percentage of surge is rounded up, one of unavailable down, so that what
    was asked to be careful stays so."""
    surge = wishes.resolved(rolling.max_surge, replicas, up=True)
    return surge, min(wishes.resolved(rolling.max_unavailable, replicas), replicas)


def _batches(replicas: int, surge: int, unavailable: int) -> Iterator[tuple[int, int]]:
    """(old, new) after each batch."""
    if surge == unavailable == 0:
        raise ValueError("max_surge and max_unavailable are both 0: no instance could ever be replaced")
    old, new = replicas, 0
    while old > 0 or new < replicas:
        new = min(replicas, replicas + surge - old)
        old = min(old, max(0, replicas - unavailable - new))
        yield old, new


def _weighted(old: Release, new: Release, old_count: int, new_count: int) -> TargetState:
    """Requests are shared as the instances are."""
    weight = 100 * new_count // max(old_count + new_count, 1)
    sets = []
    if old_count:
        sets.append(wishes.stable(old, old_count, 100 - weight))
    if new_count:
        sets.append(wishes.canary(new, new_count, weight))
    return TargetState(sets=tuple(sets))


def _unweighted(old: Release, new: Release, old_count: int, new_count: int) -> TargetState:
    kept = (wishes.stable(old, old_count, 100),) if old_count else ()
    return TargetState(sets=(*kept, wishes.canary(new, new_count, 0)))
