"""Targets of instances behind a proxy (processes, containers): see base.Target."""

import time

from agents.targets.base import Address, Interrupted, Order, Shifted, StaleEpoch, TargetFailed, unheard
from agents.targets.converging import Convergence
from agents.targets.fleet import Fleet
from agents.targets.haproxy.proxy import Look
from agents.targets.instances import Instance
from agents.targets.place import Kept
from agents.targets.readiness import Streaks
from agents.targets.retiring import end
from agents.targets.routing import as_wished, server_name
from agents.targets.validation import check
from core.deployments.target_state import TargetStatus


class ServiceFleet:
    """See base.Target."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._streaks = Streaks()

    def converge(self, order: Order, interrupted: Interrupted, shifted: Shifted = unheard) -> TargetStatus:
        check(order)
        if order.wish.mirror and not self._fleet.proxy.can_mirror():
            detail = f"{order.where}: this HAProxy was built without Lua, so it can't mirror requests"
            raise TargetFailed("mirror-unsupported", detail)
        return Convergence(self._fleet, order, interrupted, shifted).run()

    def status(self) -> TargetStatus:
        return self._fleet.status()

    def addresses(self) -> tuple[Address, ...]:
        return self._fleet.addresses()

    def keep(self) -> None:
        kept = self._fleet.place.kept()
        if kept is None:
            return
        try:
            with self._fleet.place.guarded(kept.order.fence):
                look = self._restore(kept)
            self._admit(kept, look)
        except StaleEpoch:
            # Somebody newer looks after it.
            return

    def stop(self) -> None:
        """Side by side; the proxy goes first, so that nobody is sent to an instance that is going."""
        with self._fleet.place.locked():
            self._fleet.proxy.note_requests(self._fleet.proxy.look())
            self._fleet.proxy.stop()
            instances = self._fleet.instances.all()
            for instance in instances:
                self._fleet.driver(instance).ask_to_stop(instance)
            deadline = time.monotonic() + max((each.target.stop_seconds for each in instances), default=0)
            while any(map(self._runs, instances)) and time.monotonic() < deadline:
                time.sleep(0.05)
            for instance in instances:
                self._fleet.driver(instance).kill(instance)
                self._fleet.note_stopped(instance)
            self._fleet.stop_rest()

    def remove(self) -> None:
        self.stop()
        with self._fleet.place.locked():
            for instance in self._fleet.instances.all():
                end(self._fleet, instance)
            self._fleet.clean(None)
        self._fleet.place.remove()

    def _runs(self, instance: Instance) -> bool:
        return self._fleet.driver(instance).runs(instance)

    def _restore(self, kept: Kept) -> Look:
        """What ended by itself is started again; an order that was fulfilled once, wholly."""
        for instance in self._fleet.instances.all():
            self._fleet.driver(instance).tidy(instance)
            self._finish(instance) if instance.ended else self._fleet.tend(instance)
        plan = before = self._fleet.plan(kept.order)
        plan = self._fleet.drop_dead(plan)
        if kept.reached:
            for wished in kept.order.wish.sets:
                self._fleet.start_missing(kept.order, wished)
            plan = as_wished(plan, kept.order.wish)
        look = self._fleet.proxy.look()
        if not look.process:
            # Gone, or it hangs.
            self._fleet.proxy.stop()
        if plan != before or not look.process:
            self._fleet.proxy.apply(plan)
        self._fleet.proxy.note_requests(look)
        return look

    def _finish(self, instance: Instance) -> None:
        """An interrupted order had already asked it to stop."""
        if not self._runs(instance) or time.time() > instance.again_at:
            end(self._fleet, instance)

    def _admit(self, kept: Kept, look: Look) -> None:
        """Asked without the lock: an instance may take its time to answer."""
        known = {each.name for each in look.servers}
        for instance in self._fleet.instances.all():
            name = server_name(instance)
            if instance.ended or name in known or not self._runs(instance):
                continue
            if self._streaks.look(name, instance.port, instance.health):
                with self._fleet.place.guarded(kept.order.fence):
                    self._fleet.admit(kept.order, instance)
