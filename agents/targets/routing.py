"""How a wish and the instances that are ready become the proxy's plan. Pure."""

from collections.abc import Callable

import msgspec

from agents.targets.base import Order, TargetFailed
from agents.targets.haproxy.config import SLOTS
from agents.targets.haproxy.plan import Backend, Plan, Server
from agents.targets.instances import Instance
from core.deployments.target_state import InstanceSet, TargetState

_RANKS = {"canary": 0, "baseline": 1, "stable": 2}
_replace = msgspec.structs.replace


def server_name(instance: Instance) -> str:
    """With its port, so that an instance that was started again is another server."""
    return f"{instance.id}:{instance.port}"


def new_plan(order: Order, port: int) -> Plan:
    cookie = f"sealane-{order.app}-{order.environment}"
    return Plan(port=port, cookie="".join(char if char.isalnum() else "-" for char in cookie))


def with_ready(plan: Plan, instance: Instance) -> Plan:
    """The instance gets requests from now on, if its set does. Raises TargetFailed."""
    backend = plan.backend(instance.set_name)
    if backend is None:
        backend = Backend(instance.set_name, _free_slot(plan), rank=_RANKS["stable"], health=instance.health)
    others = tuple(each for each in backend.servers if each.name != server_name(instance))
    server = Server(server_name(instance), f"127.0.0.1:{instance.port}")
    return _with_backend(plan, _replace(backend, servers=(*others, server)))


def with_draining(plan: Plan, names: set[str]) -> Plan:
    return _each_server(plan, lambda server: _replace(server, draining=True) if server.name in names else server)


def only_servers(plan: Plan, names: set[str]) -> Plan:
    """Without the servers that aren't named; a set without any keeps its place."""
    return _each_server(plan, lambda server: server if server.name in names else None)


def as_wished(plan: Plan, wish: TargetState) -> Plan:
    """Weights and routes of the wish. Sets that it doesn't name get nothing."""
    backends = [_weighed(backend, wish) for backend in plan.backends]
    known = {backend.set_name for backend in backends}
    headers_to = wish.headers_to if wish.headers_to in known else ""
    return _replace(
        plan,
        backends=tuple(backends),
        headers=wish.headers if headers_to else (),
        headers_to=headers_to,
        affinity=wish.affinity,
        mirror=wish.mirror if wish.mirror_to in known else 0,
        mirror_to=wish.mirror_to if wish.mirror_to in known else "",
    )


def without_empty(plan: Plan, wish: TargetState) -> Plan:
    """Sets that are over give their place back."""
    wished = {each.name for each in wish.sets}
    return _replace(plan, backends=tuple(each for each in plan.backends if each.servers or each.set_name in wished))


def restricted(wish: TargetState, ready: set[str]) -> TargetState | None:
    """The wish with all weight on those of its sets that are ready; None where none of them is to have any."""
    fit = [each for each in wish.sets if each.name in ready and each.weight > 0]
    if not fit:
        return None
    total = sum(each.weight for each in fit)
    shares = [each.weight * 100 // total for each in fit]
    # What rounding left over goes to the largest.
    shares[shares.index(max(shares))] += 100 - sum(shares)
    sets = tuple(_replace(each, weight=share) for each, share in zip(fit, shares, strict=True))
    return _replace(wish, sets=sets)


def _weighed(backend: Backend, wish: TargetState) -> Backend:
    wished: InstanceSet | None = next((each for each in wish.sets if each.name == backend.set_name), None)
    if wished is None:
        return _replace(backend, weight=0)
    return _replace(backend, weight=wished.weight, rank=_RANKS[wished.role])


def _each_server(plan: Plan, change: Callable[[Server], Server | None]) -> Plan:
    backends = []
    for backend in plan.backends:
        servers = tuple(changed for each in backend.servers if (changed := change(each)) is not None)
        backends.append(_replace(backend, servers=servers))
    return _replace(plan, backends=tuple(backends))


def _with_backend(plan: Plan, backend: Backend) -> Plan:
    others = [each for each in plan.backends if each.set_name != backend.set_name]
    return _replace(plan, backends=tuple(sorted((*others, backend), key=lambda each: each.slot)))


def _free_slot(plan: Plan) -> int:
    used = {each.slot for each in plan.backends}
    free = [slot for slot in range(SLOTS) if slot not in used]
    if not free:
        names = ", ".join(each.set_name for each in plan.backends)
        raise TargetFailed("bad-target", f"the proxy has room for {SLOTS} sets, and has {names}")
    return free[0]
