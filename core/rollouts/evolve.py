"""How each event changes a rollout. Total: a fact that is in the log is not questioned."""

from collections.abc import Callable
from typing import Any

import msgspec

from core.aggregate import CommandIgnored, CommandRejected
from core.rollouts import events as e
from core.rollouts.state import BakeState, Cause, RegionState, RolloutState

replace = msgspec.structs.replace


def evolve(state: RolloutState, event: Any) -> RolloutState:
    _EVOLVE[type(event)](state, event)
    return state


def _requested(state: RolloutState, event: e.RolloutRequested) -> None:
    state.status = "preparing"
    state.app = event.app
    state.number = event.number
    state.release = event.release
    state.settings = event.settings
    state.origin = event.origin
    state.kind = event.kind
    state.waves = event.waves
    state.releases = event.releases
    state.leaving = event.leaving
    state.override_reason = event.override_reason
    state.regions = {region: RegionState(wave=index) for index, wave in enumerate(event.waves) for region in wave}


def _approval_requested(state: RolloutState, event: e.RolloutApprovalRequested) -> None:
    state.status = "approval"
    state.approve_by = event.expires_at
    state.timers.set("approval", event.expires_at)


def _approval_given(state: RolloutState, event: e.RolloutApprovalGiven) -> None:
    state.approvals = (*state.approvals, event.by)


def _approval_decided(state: RolloutState, event: e.RolloutApprovalDecided) -> None:
    state.status = "preparing"
    state.timers.clear("approval")


def _hook_requested(state: RolloutState, event: e.HookRequested) -> None:
    if event.down:
        state.down = "running"
    else:
        state.hook = "running"
    state.timers.set("hook", event.answer_by)


def _hook_finished(state: RolloutState, event: e.HookFinished) -> None:
    if event.down:
        state.down = "ok" if event.ok else "failed"
    else:
        state.hook = "ok" if event.ok else "failed"
    state.timers.clear("hook")


def _wave_started(state: RolloutState, event: e.WaveStarted) -> None:
    goes_back = event.rollback and state.kind == "deploy"
    state.attempts += 1
    for placement in event.placements:
        before = state.regions[placement.region]
        _region(
            state,
            placement.region,
            status="returning" if goes_back else "running",
            deployment_id=placement.deployment_id,
            watching=False,
            requests=0,
            returns=before.returns + goes_back,
        )
    if not goes_back:
        state.status = "deploying"
        state.wave = max(state.wave, event.index)
        state.bake = None
        state.timers.clear("bake")


def _region(state: RolloutState, name: str, **values: Any) -> None:
    state.regions = {**state.regions, name: replace(state.regions[name], **values)}


def _region_finished(state: RolloutState, event: e.RegionFinished) -> None:
    before = state.regions[event.region]
    values: dict[str, Any] = {"outcome": event.outcome, "code": event.code, "detail": event.detail}
    if before.status == "returning":
        # Where somebody else has gone on there is nothing left to take back.
        well = event.outcome == "success" or event.code == "superseded"
        values["status"] = "back" if well else "stuck"
    elif event.outcome == "success":
        values |= {"status": "done", "rollback_to": event.rollback_to, "watching": event.watching}
    else:
        unclear = event.outcome == "error" and event.touched
        values |= {"status": "unclear" if unclear else "failed", "rollback_to": event.rollback_to}
    _region(state, event.region, **values)
    if state.status == "deploying" and len(state.of("done")) == len(state.regions):
        state.status = "watching"


def _watch_over(state: RolloutState, event: e.WatchOver) -> None:
    values: dict[str, Any] = {"watching": False}
    if event.breach:
        values |= {"status": "breached", "code": event.code, "detail": event.detail}
    _region(state, event.region, **values)


def _bake_started(state: RolloutState, event: e.BakeStarted) -> None:
    state.status = "baking"
    state.bake = BakeState(until=event.until, give_up_at=event.give_up_at, min_requests=event.min_requests)
    _time_bake(state)


def _requests_noted(state: RolloutState, event: e.RequestsNoted) -> None:
    _region(state, event.region, requests=event.requests)
    _time_bake(state)


def _time_bake(state: RolloutState) -> None:
    """One deadline: when it is over, or where requests are missing, when waiting for them is. None while a region goes
    back: it bakes anew when that has been tried again."""
    bake = state.bake
    if bake is None or state.paused or state.halted or state.of("returning"):
        state.timers.clear("bake")
    else:
        state.timers.set("bake", bake.until if state.baked else max(bake.until, bake.give_up_at))


def _bake_finished(state: RolloutState, event: e.BakeFinished) -> None:
    state.bake = None
    state.timers.clear("bake")


def _halted(state: RolloutState, event: e.RolloutHalted) -> None:
    state.halted = True
    state.timers.set("stop", event.expires_at)
    _time_bake(state)


def _paused(state: RolloutState, event: e.RolloutPaused) -> None:
    state.paused = True
    state.timers.set("stop", event.expires_at)
    _time_bake(state)


def _resumed(state: RolloutState, event: e.RolloutResumed) -> None:
    state.paused = state.halted = False
    state.resumed_by = event.by
    state.timers.clear("stop")
    _time_bake(state)


def _aborted(state: RolloutState, event: e.RolloutAborted) -> None:
    state.status = "returning"
    state.cause = Cause(event.code, event.reason, event.by)
    state.paused = state.halted = False
    state.bake = None
    state.timers.clear("stop")
    state.timers.clear("bake")


def _finished(state: RolloutState, event: e.RolloutFinished) -> None:
    state.status = "finished"
    state.outcome = event.outcome
    state.code = event.code
    state.timers.clear_all()


def _nothing(state: RolloutState, event: Any) -> None:
    """On record, and changes nothing."""


_EVOLVE: dict[type[Any], Callable[[RolloutState, Any], None]] = {
    e.RolloutRequested: _requested,
    e.RolloutApprovalRequested: _approval_requested,
    e.RolloutApprovalGiven: _approval_given,
    e.RolloutApprovalDecided: _approval_decided,
    e.HookRequested: _hook_requested,
    e.HookFinished: _hook_finished,
    e.WaveStarted: _wave_started,
    e.RegionFinished: _region_finished,
    e.WatchOver: _watch_over,
    e.BakeStarted: _bake_started,
    e.RequestsNoted: _requests_noted,
    e.BakeFinished: _bake_finished,
    e.RolloutHalted: _halted,
    e.DeploymentsSteered: _nothing,
    e.RolloutPaused: _paused,
    e.RolloutResumed: _resumed,
    e.RolloutAborted: _aborted,
    e.RolloutFinished: _finished,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
