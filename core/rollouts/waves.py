"""Wave after wave: the next one begins when the one before is complete, and has baked."""

from datetime import timedelta

import msgspec

from core.ids import deployment_id
from core.rollouts import events as e
from core.rollouts.commands import Origin
from core.rollouts.draft import Draft
from core.rollouts.endings import finish


def start_wave(draft: Draft, index: int) -> None:
    """All regions of a wave, as the rollout was asked for."""
    start_regions(draft, index, draft.state.waves[index], draft.state.origin)


def start_regions(draft: Draft, index: int, regions: tuple[str, ...], origin: Origin) -> None:
    state = draft.state
    placements = tuple(
        e.Placement(region, deployment_id(region, state.id, state.attempts + 1), state.releases.get(region, state.goal))
        for region in regions
    )
    rollback = state.kind == "rollback"
    reason = state.override_reason
    if rollback and state.down == "ok":
        reason = way_down_taken(draft)
    told = e.WaveStarted(
        app=state.app,
        environment=state.plan.name,
        settings=state.plan,
        origin=origin,
        index=index,
        placements=placements,
        rollback=rollback,
        override_reason=reason,
    )
    draft.tell(told)


def way_down_taken(draft: Draft) -> str:
    """Why an environment may let a rollback go past a contract migration."""
    hook = draft.state.way_down
    return f"the migration was taken back by '{hook.down[:200]}'" if hook is not None else ""


def go_forward(draft: Draft) -> None:
    """The next wave, if nothing is in its way; the end after the last one's watch."""
    state = draft.state
    if state.paused or state.halted or _try_again(draft) or state.of("returning"):
        return
    if state.status == "preparing" and "running" not in (state.hook, state.down):
        start_wave(draft, 0)
    elif state.status == "baking" and (state.bake is None or (state.baked and state.bake.until <= draft.now)):
        _end_bake(draft)
    elif state.status == "watching" and not any(region.watching for region in state.regions.values()):
        finish(draft, "success")
    elif state.status == "deploying" and all(region.status == "done" for region in state.begun()):
        _bake(draft)


def _bake(draft: Draft) -> None:
    bake = draft.state.plan.bake
    if bake.time_seconds <= 0 and bake.min_requests <= 0:
        start_wave(draft, draft.state.wave + 1)
        return
    start_bake(draft, bake.time_seconds)
    go_forward(draft)


def start_bake(draft: Draft, seconds: float) -> None:
    bake = draft.state.plan.bake
    told = e.BakeStarted(
        index=draft.state.wave,
        until=draft.now + timedelta(seconds=seconds),
        min_requests=bake.min_requests,
        give_up_at=draft.now + timedelta(seconds=max(seconds, bake.give_up_seconds)),
    )
    draft.tell(told)


def _end_bake(draft: Draft, by: str = "") -> None:
    if draft.state.bake is not None:
        draft.tell(e.BakeFinished(index=draft.state.wave, by=by))
    start_wave(draft, draft.state.wave + 1)


def end_bake_early(draft: Draft, by: str) -> None:
    _end_bake(draft, by)


def _try_again(draft: Draft) -> bool:
    """What failed, as somebody wants it now (an automatic path's rules are not theirs): the earliest wave first, and
    when nothing before it is under way. Answers whether anything must be tried again."""
    state = draft.state
    failed = state.of("failed", "unclear", "back", "breached", "stuck")
    if not failed or state.kind == "rollback":
        return False
    index = min(state.regions[name].wave for name in failed)
    if not any(state.regions[name].wave < index for name in state.of("running", "returning")):
        regions = tuple(name for name in failed if state.regions[name].wave == index)
        by = state.resumed_by
        start_regions(draft, index, regions, msgspec.structs.replace(state.origin, by=by, automatic=False))
    return True
