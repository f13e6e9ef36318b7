"""How the requests are shared, as the target reports it."""

from core.deployments.draft import Draft
from core.deployments.events import TrafficShifted
from core.deployments.target_state import TargetState, TargetStatus


def tell_shift(draft: Draft, status: TargetStatus) -> None:
    """The shares have become others. A target without shares (a static one) lists no sets: it has what was wished."""
    shares = _shares(status) if status.sets else _wished(draft.state.wish)
    if shares != draft.state.weights:
        draft.tell(TrafficShifted(weights=shares))


def tell_early_shift(draft: Draft, status: TargetStatus) -> None:
    """On the way: the traffic is where it was wished, though not all else is done yet."""
    if status.sets and _shares(status) == _wished(draft.state.wish):
        tell_shift(draft, status)


def _shares(status: TargetStatus) -> dict[str, int]:
    return {each.name: each.weight for each in status.sets if each.weight}


def _wished(wish: TargetState) -> dict[str, int]:
    return {each.name: each.weight for each in wish.sets if each.weight}
