"""What a rollout does when time is up. Each deadline that has come leads to an event that removes it."""

from core.rollouts import events as e
from core.rollouts.approvals import expire_approval
from core.rollouts.draft import Draft
from core.rollouts.endings import finish
from core.rollouts.notes import end_hook, go_on
from core.rollouts.returning import go_back
from core.rollouts.state import Cause
from core.rollouts.steering import STOP_LIMIT


def expire(draft: Draft, names: list[str]) -> None:
    """`names` are the deadlines that have come."""
    for name in names:
        if draft.state.status == "finished":
            return
        if name == "approval":
            expire_approval(draft)
        elif name == "hook":
            _expire_hook(draft)
        elif name == "bake":
            _expire_bake(draft)
        elif name == "stop":
            _expire_stop(draft)


def _expire_hook(draft: Draft) -> None:
    region = draft.state.waves[0][0]
    detail = f"the deployer of {region} did not say in time how it went; is one running there?"
    end_hook(draft, e.HookFinished(ok=False, detail=detail, down=draft.state.down == "running"))


def _expire_bake(draft: Draft) -> None:
    state = draft.state
    if state.bake is None or state.status != "baking":
        return
    if state.baked:
        go_on(draft)
        return
    least = state.plan.bake.min_requests
    few = next(name for name, region in state.regions.items() if region.wave <= state.wave and region.requests < least)
    detail = f"{few} had {state.regions[few].requests} of {least} requests; resume to wait on, promote to go on"
    draft.tell(e.RolloutHalted(code="bake-too-few-requests", detail=detail, expires_at=draft.now + STOP_LIMIT))


def _expire_stop(draft: Draft) -> None:
    """Nobody came. What is under way goes back; what had finished stays."""
    state = draft.state
    detail = f"it stood still for {STOP_LIMIT.days} days, and nobody resumed or aborted it"
    busy = state.of("running", "returning") or "running" in (state.hook, state.down)
    if busy or any(region.watching for region in state.regions.values()):
        go_back(draft, Cause("halt-expired", detail))
    else:
        finish(draft, "error", "halt-expired", detail)
