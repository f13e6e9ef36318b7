"""What a target refuses before it touches anything."""

import re

from agents.targets.base import Order, TargetFailed
from core.deployments.target_state import TargetState

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PATH = re.compile(r"/[\x21\x23-\x26\x28-\x5b\x5d-\x7e]*")


def check(order: Order) -> None:
    """Raises TargetFailed(bad-target, mirror-unsupported)."""
    wish = order.wish
    check_sets(wish)
    if not _PATH.fullmatch(order.service.health.path):
        path = order.service.health.path[:200]
        raise TargetFailed(
            "bad-target", f"the health check's path '{path}' must begin with / and have no spaces or quotes"
        )
    for route in wish.headers:
        if not _HEADER.fullmatch(route.header) or not route.value.isprintable() or len(route.value) > 1000:
            raise TargetFailed("bad-target", f"'{route.header[:100]}: {route.value[:100]}' is no header to route by")
    if not 0 <= wish.mirror <= 100:
        raise TargetFailed("bad-target", f"{wish.mirror} percent of the requests can't be mirrored (0 to 100)")


def check_sets(wish: TargetState) -> None:
    """Raises TargetFailed(bad-target)."""
    for wished in wish.sets:
        if not _NAME.fullmatch(wished.name):
            raise TargetFailed("bad-target", f"'{wished.name[:120]}' can't name a set (letters, digits, '.', '_', '-')")
    total = sum(each.weight for each in wish.sets)
    if total not in (0, 100) or any(each.weight < 0 or each.replicas < 0 for each in wish.sets):
        raise TargetFailed("bad-target", f"the weights of a wish sum to 100 or to 0, not {total}")
    names = [each.name for each in wish.sets]
    if len(set(names)) != len(names):
        raise TargetFailed("bad-target", f"a wish names a set twice: {', '.join(names)}")
    hollow = [each.name for each in wish.sets if each.weight and not each.replicas]
    if hollow:
        raise TargetFailed("bad-target", f"set {hollow[0]} shall have requests, but no instances")
