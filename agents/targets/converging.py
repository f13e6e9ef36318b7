"""One order on its way: start what is missing, wait until it is ready, shift the weights, drain and stop the rest.

Nothing is held in memory that the next deployer would need: every step looks at what is there.
"""

import time
from contextlib import AbstractContextManager

import msgspec

from agents.targets.base import Interrupted, Order, Shifted, Superseded, TargetFailed
from agents.targets.fleet import Fleet
from agents.targets.giving_way import giving_way
from agents.targets.instances import Instance
from agents.targets.readiness import Streaks
from agents.targets.retiring import Retirement
from agents.targets.routing import as_wished, restricted, server_name
from core.deployments.target_state import InstanceSet, TargetStatus

POLL_SECONDS = 0.05
# So many ends before it was ever ready, and the release is to blame.
ENDS_BEFORE_READY = 3


class Convergence:
    def __init__(self, fleet: Fleet, order: Order, interrupted: Interrupted, shifted: Shifted) -> None:
        self._fleet = fleet
        self._order = order
        self._interrupted = interrupted
        self._shifted = shifted
        self._streaks = Streaks()

    def run(self) -> TargetStatus:
        """Raises StaleEpoch, Superseded, TargetFailed."""
        newly = self._fleet.place.claim(self._order)
        with self._right():
            early = self._refresh_proxy()
        if early:
            self._shifted(self._fleet.status())
        self._prepare()
        with self._right():
            for wished in self._order.wish.sets:
                self._start(wished, newly)
        self._await_ready()
        with self._right():
            self._fleet.proxy.apply(as_wished(self._fleet.plan(self._order), self._order.wish))
        self._shifted(self._fleet.status())
        Retirement(self._fleet, self._order, self._interrupted).run(self._wished())
        self._fleet.place.reached(self._order.fence)
        return self._fleet.status()

    def _right(self) -> AbstractContextManager[None]:
        """To change the target. Raises StaleEpoch, or Superseded where somebody asked for something newer."""
        if self._interrupted():
            raise Superseded(f"{self._order.where}: action {self._order.action} is no longer wanted")
        return self._fleet.place.guarded(self._order.fence)

    def _refresh_proxy(self) -> bool:
        """It runs; and with `at_once` it sends everything to what is ready of the wish (answers whether it did)."""
        plan = self._fleet.drop_dead(self._fleet.plan(self._order))
        self._fleet.proxy.apply(plan)
        if not self._order.wish.at_once:
            return False
        ready = self._fleet.ready()
        sets = {each.set_name for each in plan.backends if any(server.name in ready for server in each.servers)}
        wish = restricted(self._order.wish, sets)
        if wish is not None:
            self._fleet.proxy.apply(as_wished(plan, wish))
        return wish is not None

    def _prepare(self) -> None:
        """May take long: a repository far away, a large image."""
        giving_way(self._order, self._interrupted, self._prepare_all, self._tidy)

    def _prepare_all(self) -> None:
        driver = self._fleet.driver_of(self._order.target)
        for wished in self._order.wish.sets:
            if len(self._fleet.matching(self._order, wished)) < wished.replicas:
                driver.prepare(wished.name, wished.release, self._order.service)

    def _tidy(self) -> None:
        """What was prepared in vain goes, now that nothing is added to it any more."""
        with self._fleet.place.locked():
            kept = self._fleet.place.kept()
            if kept is not None:
                self._fleet.clean(kept.order)

    def _start(self, wished: InstanceSet, newly: bool) -> None:
        for instance in self._fleet.matching(self._order, wished):
            if newly and instance.young:
                # Another order is another chance.
                instance = msgspec.structs.replace(instance, young=0, again_at=0)
                self._fleet.instances.write(instance)
            self._fleet.tend(instance)
        self._fleet.start_missing(self._order, wished)

    def _wished(self) -> list[Instance]:
        """The instances that there shall be: of those that match, the ready ones first."""
        ready = self._fleet.ready()
        found: list[Instance] = []
        for wished in self._order.wish.sets:
            matching = self._fleet.matching(self._order, wished)
            matching.sort(key=lambda each: not self._fleet.is_ready(each, ready))
            found += matching[: wished.replicas]
        return found

    def _await_ready(self) -> None:
        deadline = time.monotonic() + max(1.0, self._order.service.health.start_timeout_seconds)
        next_look: dict[str, float] = {}
        while waiting := self._not_ready():
            for instance in waiting:
                self._advance(instance, next_look)
            if time.monotonic() > deadline:
                self._fail_not_ready(waiting)
            time.sleep(POLL_SECONDS)

    def _not_ready(self) -> list[Instance]:
        ready = self._fleet.ready()
        return [each for each in self._wished() if not self._fleet.is_ready(each, ready)]

    def _advance(self, instance: Instance, next_look: dict[str, float]) -> None:
        """One step of one instance towards being ready."""
        with self._right():
            self._fleet.tend(instance)
        if instance.young >= ENDS_BEFORE_READY:
            said = self._fleet.driver(instance).said(instance) or "it said nothing"
            detail = f"{instance.id} ended {instance.young} times before it was ready. The end of its output:\n{said}"
            raise TargetFailed("crashed", detail)
        name = server_name(instance)
        now = time.monotonic()
        if now < next_look.get(name, 0) or not self._fleet.driver(instance).runs(instance):
            return
        if self._streaks.look(name, instance.port, instance.health):
            with self._right():
                self._fleet.admit(self._order, instance)
        elif self._streaks.good(name):
            next_look[name] = now + instance.health.interval_seconds

    def _fail_not_ready(self, waiting: list[Instance]) -> None:
        first = waiting[0]
        seconds = self._order.service.health.start_timeout_seconds
        why = self._streaks.last.get(server_name(first), "it does not run")
        said = self._fleet.driver(first).said(first)
        detail = (
            f"{len(waiting)} of {len(self._wished())} instances were not ready after {seconds:g} s; {first.id}: {why}"
        )
        raise TargetFailed("not-ready", f"{detail}. The end of its output:\n{said}" if said else detail)
