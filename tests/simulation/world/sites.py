"""What deployers drive: instances of releases behind a proxy, in virtual time; one site for an environment in a region.

A site lives on when a deployer is killed, as processes and proxies do. What a release is worth stands in its config
(`SIM`): `errors` answers 5% of requests wrongly, `slow` never gets ready, `crash` ends at once, `crash-later` after a
while, `hook` has a pre-deploy command that fails.
"""

from collections.abc import Callable

from agents.targets.base import Fence
from core.deployments.target_state import InstanceSet, SetStatus, TargetState, TargetStatus
from core.environments.release import Release
from tests.simulation.engine.process import Kernel, Process, process_turn

REQUESTS_PER_SECOND = 20.0
CRASHES_AFTER = {"crash": 0.3, "crash-later": 9.0}
ERROR_RATES = {"errors": 0.05}


def worth_of(release: Release) -> str:
    return release.config.get("SIM", "")


class InstanceSetAt:
    """Instances of one set at a site, each with the time when it was started and how long it takes to get ready."""

    def __init__(self, wished: InstanceSet) -> None:
        self.release = wished.release
        self._lasts = CRASHES_AFTER.get(worth_of(wished.release), float("inf"))
        self.started: list[tuple[float, float]] = []
        self.weight = 0
        self.requests = 0.0
        self.restarts = 0

    def ready(self, now: float) -> int:
        return sum(self._lives(start, now) and now - start >= takes for start, takes in self.started)

    def running(self, now: float) -> int:
        return sum(self._lives(start, now) for start, _ in self.started)

    def _lives(self, start: float, now: float) -> bool:
        return now - start < self._lasts


class Site:
    """`on_change` hears of every change, with the fence (epoch, action) of who makes it."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.name = name
        self._kernel = kernel
        self.sets: dict[str, InstanceSetAt] = {}
        self.on_change: Callable[[Site, Fence], None] = lambda site, fence: None
        self._counted = kernel.scheduler.now

    @property
    def now(self) -> float:
        return self._kernel.scheduler.now

    @property
    def weights(self) -> dict[str, int]:
        return {name: one.weight for name, one in self.sets.items() if one.weight}

    def start_missing(self, wish: TargetState, fence: Fence) -> None:
        self.on_change(self, fence)
        for wished in wish.sets:
            one = self.sets.get(wished.name)
            if one is None or one.release != wished.release:
                one = self.sets[wished.name] = InstanceSetAt(wished)
            one.started = one.started[: wished.replicas]
            while len(one.started) < wished.replicas:
                one.started.append(self._begin(one.release))

    def tend(self) -> None:
        """What ended by itself is started again."""
        for one in self.sets.values():
            ended = len(one.started) - one.running(self.now)
            if ended:
                one.restarts += ended
                one.started = [
                    each if one._lives(each[0], self.now) else self._begin(one.release) for each in one.started
                ]

    def is_ready(self, wish: TargetState) -> bool:
        return all(self.sets[each.name].ready(self.now) >= each.replicas for each in wish.sets)

    def is_fit(self, wished: InstanceSet) -> bool:
        one = self.sets.get(wished.name)
        return one is not None and one.ready(self.now) > 0

    def weigh(self, weights: dict[str, int], fence: Fence) -> None:
        self._count()
        for name, one in self.sets.items():
            one.weight = weights.get(name, 0)
        self.on_change(self, fence)

    def remove_others(self, wish: TargetState, fence: Fence) -> None:
        self.on_change(self, fence)
        names = {each.name for each in wish.sets}
        self.sets = {name: one for name, one in self.sets.items() if name in names}

    def requests(self, name: str) -> int | None:
        self._count()
        return int(self.sets[name].requests) if name in self.sets else None

    def status(self, epoch: int) -> TargetStatus:
        self._count()
        return TargetStatus(epoch, tuple(self._set_status(name, one) for name, one in self.sets.items()))

    def _set_status(self, name: str, one: InstanceSetAt) -> SetStatus:
        return SetStatus(
            name=name,
            release_id=one.release.id,
            running=one.running(self.now),
            ready=one.ready(self.now),
            weight=one.weight,
            restarts=one.restarts,
            requests=int(one.requests),
        )

    def _begin(self, release: Release) -> tuple[float, float]:
        takes = float("inf") if worth_of(release) == "slow" else 0.3 + 2 * self._kernel.random.random()
        return self.now, takes

    def _count(self) -> None:
        seconds, self._counted = self.now - self._counted, self.now
        for one in self.sets.values():
            one.requests += seconds * REQUESTS_PER_SECOND * one.weight / 100


class Sites:
    """All of them, by `<app>/<environment>/<region>`; `away` are the regions that can't be reached. `ambush` waits for
    the next deployer that begins to change something.

    `hooks` has when each pre-deploy command (rollout, whether it is the way down) ends.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.all: dict[str, Site] = {}
        self.away: set[str] = set()
        self.ambush: Callable[[Process], None] | None = None
        self.hooks: dict[tuple[str, bool], float] = {}
        self.on_change: Callable[[Site, Fence], None] = lambda site, fence: None

    def begins(self) -> None:
        """Said by a deployer, in the middle of an action."""
        ambush, self.ambush = self.ambush, None
        if ambush is not None and process_turn.whose is not None:
            ambush(process_turn.whose)

    def site(self, name: str) -> Site:
        if name not in self.all:
            site = self.all[name] = Site(self._kernel, name)
            site.on_change = lambda changed, fence: self.on_change(changed, fence)
        return self.all[name]
