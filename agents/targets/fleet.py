"""A target of instances behind a proxy: what is there, and the small changes of which larger ones are made.

Every change is made under the target's lock and for an order that is still obeyed.
"""

import socket
import time
from collections.abc import Mapping
from contextlib import closing

import msgspec

from agents.targets.base import Address, Order, TargetFailed
from agents.targets.haproxy.plan import Plan
from agents.targets.haproxy.proxy import HOST, Haproxy, Look
from agents.targets.instances import Driver, Instance, Instances, new_instance, spec_of
from agents.targets.place import Place
from agents.targets.routing import new_plan, only_servers, server_name, with_ready
from core.deployments.target_state import InstanceSet, SetStatus, TargetStatus
from core.environments.release import Release

FIRST_PAUSE_SECONDS = 0.5
LAST_PAUSE_SECONDS = 30.0
# One that lived longer than this did not fail to start.
SETTLED_SECONDS = 60.0
_replace = msgspec.structs.replace


class Fleet:
    """`drivers` by kind of target. Its methods are called with the target's lock held, but for those that only look."""

    def __init__(self, place: Place, drivers: Mapping[type, Driver], proxy: Haproxy) -> None:
        self.place = place
        self.proxy = proxy
        self.instances = Instances(place.root / "instances")
        self._drivers = drivers

    def driver(self, instance: Instance) -> Driver:
        return self.driver_of(instance.target)

    def driver_of(self, target: object) -> Driver:
        driver = self._drivers.get(type(target))
        if driver is None:
            raise TargetFailed("bad-target", f"this deployer has no targets of kind {type(target).__name__}")
        return driver

    def _used(self, order: Order) -> dict[str, Release]:
        """The sets that the order wishes or that have instances still."""
        wished = {each.name: each.release for each in order.wish.sets}
        return wished | {each.set_name: each.release for each in self.instances.all()}

    def plan(self, order: Order) -> Plan:
        """The plan in use, or the first one."""
        plan = self.proxy.plan()
        wanted = order.service
        if plan is None:
            plan = new_plan(order, wanted.port or free_port())
        return _replace(plan, port=wanted.port or plan.port, health=wanted.health)

    def matching(self, order: Order, wished: InstanceSet) -> list[Instance]:
        """Those of the set that are as it wants them, and stay."""
        spec = spec_of(wished.release, order.service)
        return [
            each
            for each in self.instances.all()
            if each.set_name == wished.name and each.spec == spec and not each.ended
        ]

    def start_missing(self, order: Order, wished: InstanceSet) -> None:
        missing = wished.replicas - len(self.matching(order, wished))
        taken = {each.id for each in self.instances.all()}
        free = (number for number in range(1, 10_000) if f"{wished.name}-{number}" not in taken)
        for _ in range(missing):
            self.start(new_instance(order, wished, next(free)))

    def start(self, instance: Instance) -> None:
        """On a port of its own. The record is there before the instance is; only one that began can end by itself."""
        begun = _replace(instance, port=free_port(), started_at=0, again_at=0)
        self.instances.write(begun)
        self.driver(begun).start(begun)
        self.instances.write(_replace(begun, started_at=time.time()))

    def tend(self, instance: Instance) -> None:
        """Notice that it ended by itself, and start it again when its pause is over."""
        if instance.ended or self.driver(instance).runs(instance):
            return
        now = time.time()
        if instance.started_at:
            young = instance.young + 1 if now - instance.started_at < SETTLED_SECONDS else 1
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (young - 1), LAST_PAUSE_SECONDS)
            instance = _replace(
                instance, restarts=instance.restarts + 1, young=young, started_at=0, again_at=now + pause
            )
            self.instances.write(instance)
        if now >= instance.again_at:
            self.start(instance)

    def admit(self, order: Order, instance: Instance) -> None:
        """It is ready: the proxy may send it requests."""
        self.proxy.apply(with_ready(self.plan(order), instance))

    def drop_dead(self, plan: Plan) -> Plan:
        """Without servers whose instance is gone or was started anew elsewhere."""
        living = {server_name(each) for each in self.instances.all() if self.driver(each).runs(each)}
        return only_servers(plan, living)

    def note_stopped(self, instance: Instance) -> None:
        """It was stopped by us, so it did not end by itself."""
        self.instances.write(_replace(instance, started_at=0, again_at=0, young=0))

    def clean(self, order: Order | None) -> None:
        """Of all kinds: what an earlier one left when it was interrupted goes as well. None: nothing is used."""
        used = self._used(order) if order is not None else {}
        for driver in self._drivers.values():
            driver.clean(used)

    def stop_rest(self) -> None:
        """All instances were stopped."""
        for driver in self._drivers.values():
            driver.stop_rest()

    def ready(self) -> set[str]:
        """Names of the servers that get requests, if their set does."""
        return self.proxy.look().ready

    def is_ready(self, instance: Instance, ready: set[str]) -> bool:
        return server_name(instance) in ready and self.driver(instance).runs(instance)

    def addresses(self) -> tuple[Address, ...]:
        ready = self.ready()
        return tuple(
            Address(each.set_name, each.release.id, each.id, f"http://{HOST}:{each.port}", self.is_ready(each, ready))
            for each in self.instances.all()
            if each.port and not each.ended and self.driver(each).runs(each)
        )

    def status(self) -> TargetStatus:
        kept, plan = self.place.kept(), self.proxy.plan()
        look = self.proxy.look()
        instances = self.instances.all()
        names = list(dict.fromkeys([each.set_name for each in instances]))
        sets = tuple(
            self._set_status(name, [each for each in instances if each.set_name == name], look) for name in names
        )
        address = f"http://{HOST}:{plan.port}" if plan is not None else ""
        return TargetStatus(kept.order.epoch if kept else 0, sets, address)

    def _set_status(
        self,
        name: str,
        instances: list[Instance],
        look: Look,
    ) -> SetStatus:
        running = [each for each in instances if self.driver(each).runs(each)]
        ended = [each for each in instances if each not in running and not each.ended and each.restarts]
        return SetStatus(
            name=name,
            release_id=instances[0].release.id,
            running=len(running),
            ready=sum(server_name(each) in look.ready for each in running),
            weight=look.weights.get(name, 0),
            restarts=sum(each.restarts for each in instances),
            requests=look.requests.get(name),
            detail=f"{ended[0].id} ended: {self.driver(ended[0]).said(ended[0])}" if ended else "",
        )


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
