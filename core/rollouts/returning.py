"""Going back: what is under way is aborted, what had finished gets a rollback of its own, everywhere at once.

A contract migration is taken back first, where a way down is declared; else nothing older could run, and the regions
that had finished stay where they are. `on_failure: halt` leaves them there too, except for one that its watch blames.
"""

from core.ids import deployment_id
from core.rollouts import events as e
from core.rollouts.commands import Origin
from core.rollouts.draft import Draft
from core.rollouts.endings import finish
from core.rollouts.starting import request_hook
from core.rollouts.state import Cause, RegionState, RolloutState
from core.rollouts.steering import steer
from core.rollouts.waves import way_down_taken


def go_back(draft: Draft, cause: Cause) -> None:
    """`cause.by` asked for it, or nobody did."""
    draft.tell(e.RolloutAborted(by=cause.by, reason=cause.detail, code=cause.code))
    steer(draft, "abort", cause.by or "sealane", cause.detail)
    go_on_back(draft)


def go_on_back(draft: Draft) -> None:
    """The next thing to take back, or the end."""
    state = draft.state
    if "running" in (state.hook, state.down):
        return
    if _must_go_down(state) and state.way_down is not None:
        # Both releases must be able to rely on the schema until the one that goes is gone.
        if not state.of("running"):
            request_hook(draft, state.way_down, state.goal, down=True)
        return
    returning = _to_return(state)
    if returning and _can_go_down(state):
        start_return(draft, returning, state.cause)
    if not state.of("running", "returning") and not any(each.watching for each in state.regions.values()):
        _end(draft)


def _unwanted(state: RolloutState) -> list[str]:
    """Regions that are (or may be) on the release and shouldn't be. From a rollback there is no way back."""
    if state.kind == "rollback":
        return []
    if state.plan.on_failure == "rollback_all":
        return state.of("done", "breached", "unclear")
    return state.of("breached", "unclear")


def _to_return(state: RolloutState) -> list[str]:
    """Those that know where to go."""
    return [name for name in _unwanted(state) if state.regions[name].rollback_to is not None]


def _must_go_down(state: RolloutState) -> bool:
    """Not where some region stays on the release."""
    if not state.goal.incompatible_before or state.hook != "ok" or state.down:
        return False
    return len(_to_return(state)) == len(state.of("done", "breached", "unclear"))


def _can_go_down(state: RolloutState) -> bool:
    return not state.goal.incompatible_before or state.down == "ok"


def start_return(draft: Draft, regions: list[str], cause: Cause | None) -> None:
    """Rollback deployments, each to what its region had before."""
    state = draft.state
    by = cause.by if cause is not None else ""
    placements = []
    for name in regions:
        release = state.regions[name].rollback_to
        assert release is not None
        placements.append(e.Placement(name, deployment_id(name, state.id, state.attempts + 1), release))
    told = e.WaveStarted(
        app=state.app,
        environment=state.plan.name,
        settings=state.plan,
        origin=Origin(by=by or "sealane", automatic=not by),
        index=state.wave,
        placements=tuple(placements),
        rollback=True,
        override_reason=way_down_taken(draft) if state.down == "ok" else "",
    )
    draft.tell(told)


def _end(draft: Draft) -> None:
    state = draft.state
    cause = state.cause or Cause("aborted", "")
    left = _left_behind(state)
    if left is not None:
        finish(draft, "error", left.code, f"{cause.detail}; {left.detail}" if cause.detail else left.detail)
    elif cause.by:
        finish(draft, "aborted", "aborted", cause.detail or f"aborted by {cause.by}")
    elif any(_was_back(region) for region in state.regions.values()):
        finish(draft, "rolled_back", cause.code, cause.detail)
    else:
        finish(draft, "error", cause.code, cause.detail)


def _was_back(region: RegionState) -> bool:
    return region.status == "back" or region.outcome in ("rolled_back", "aborted")


def _left_behind(state: RolloutState) -> Cause | None:
    """Why some region is not where it should be."""
    for name in state.of("stuck"):
        region = state.regions[name]
        return Cause(region.code or "rollback-failed", f"{name} could not go back: {region.detail}")
    for name in _unwanted(state):
        stays = f"{name} stays on release {state.goal.id}"
        if state.regions[name].rollback_to is None:
            return Cause("nothing-to-roll-back-to", f"{stays}: nothing ran there before")
        if state.down == "failed":
            return Cause("hook-failed", f"{stays}: the way down of its contract migration failed")
        return Cause("rollback-past-migration", f"{stays}: nothing older runs after its contract migration")
    return None
