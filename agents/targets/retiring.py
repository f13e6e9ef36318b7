"""Taking instances away: no new requests, the old ones end in their time, then the instance is asked to stop."""

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

import msgspec

from agents.targets.base import Interrupted, Order, Superseded
from agents.targets.fleet import Fleet
from agents.targets.instances import Instance
from agents.targets.routing import only_servers, server_name, with_draining, without_empty

POLL_SECONDS = 0.02


class Retirement:
    """Of all instances but those that stay. Repeating it goes on where the last one was left."""

    def __init__(self, fleet: Fleet, order: Order, interrupted: Interrupted) -> None:
        self._fleet = fleet
        self._order = order
        self._interrupted = interrupted

    def run(self, staying: Collection[Instance]) -> None:
        """Raises StaleEpoch, Superseded, TargetFailed."""
        kept = {each.id for each in staying}
        leaving = [each for each in self._fleet.instances.all() if each.id not in kept]
        names = {server_name(each) for each in leaving}
        with self._right():
            plan = self._fleet.plan(self._order)
            self._fleet.proxy.apply(with_draining(plan, names))
        self._wait(lambda: self._idle(names), max((each.target.drain_seconds for each in leaving), default=0))
        with self._right():
            leaving = [self._ask_to_stop(each) for each in leaving]
            plan = self._fleet.plan(self._order)
            rest = {server.name for each in plan.backends for server in each.servers} - names
            self._fleet.proxy.apply(without_empty(only_servers(plan, rest), self._order.wish))
        self._wait(lambda: not self._running(leaving), max((each.target.stop_seconds for each in leaving), default=0))
        with self._right():
            for instance in leaving:
                end(self._fleet, instance)
            self._fleet.clean(self._order)

    def _right(self) -> AbstractContextManager[None]:
        if self._interrupted():
            raise Superseded(f"{self._order.where}: action {self._order.action} is no longer wanted")
        return self._fleet.place.guarded(self._order.fence)

    def _idle(self, names: set[str]) -> bool:
        busy = any(each.busy for each in self._fleet.proxy.look().servers if each.name in names)
        return not busy and not self._fleet.proxy.predecessors()

    def _running(self, instances: list[Instance]) -> bool:
        return any(self._fleet.driver(each).runs(each) for each in instances)

    def _ask_to_stop(self, instance: Instance) -> Instance:
        ended = msgspec.structs.replace(instance, ended=True, again_at=time.time() + instance.target.stop_seconds)
        self._fleet.instances.write(ended)
        self._fleet.driver(ended).ask_to_stop(ended)
        return ended

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            if self._interrupted():
                raise Superseded(f"{self._order.where}: action {self._order.action} is no longer wanted")
            time.sleep(POLL_SECONDS)


def end(fleet: Fleet, instance: Instance) -> None:
    """It goes now, with all that belongs to it."""
    driver = fleet.driver(instance)
    driver.kill(instance)
    driver.forget(instance)
    fleet.instances.remove(instance)
