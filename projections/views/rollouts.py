"""Rollouts: waves, bakes, halts, and how each region's part ended."""

from typing import Any

from core.rollouts.events import (
    BakeFinished,
    BakeStarted,
    HookFinished,
    HookRequested,
    RegionFinished,
    RequestsNoted,
    RolloutAborted,
    RolloutFinished,
    RolloutHalted,
    RolloutPaused,
    RolloutRequested,
    RolloutResumed,
    WatchOver,
    WaveStarted,
)
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.rollouts import rollout_hooks, rollout_placements, rollout_requests, rollouts
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("rollout")
_GOING: dict[str, Any] = {
    "halted_at": None,
    "halted_code": "",
    "halted_detail": "",
    "halted_until": None,
    "paused_at": None,
    "paused_by": "",
    "paused_reason": "",
    "paused_until": None,
}


@HANDLERS.on(RolloutRequested)
def requested(fact: Fact, changes: Changes) -> None:
    message: RolloutRequested = fact.message
    changes.put(
        rollouts,
        id=fact.id,
        app=message.app,
        environment=message.settings.name,
        number=message.number,
        region=fact.event.region,
        kind=message.kind,
        release_id=message.release.id,
        release=as_json(message.release),
        releases=as_json(message.releases),
        settings=as_json(message.settings),
        waves=as_json(message.waves),
        by=message.origin.by,
        automatic=message.origin.automatic,
        run_id=message.origin.run_id,
        stage=message.origin.stage,
        override_reason=message.override_reason,
        correlation_id=fact.event.correlation_id,
        state="requested",
        created_at=fact.at,
    )


@HANDLERS.on(HookRequested)
def hook_requested(fact: Fact, changes: Changes) -> None:
    message: HookRequested = fact.message
    if not message.down:
        changes.set(rollouts, (fact.id,), state="pre_deploy")
    changes.put(
        rollout_hooks,
        rollout_id=fact.id,
        direction=_direction(message.down),
        region=message.region,
        run=message.hook.down if message.down else message.hook.run,
        phase=message.hook.phase,
        state="running",
        requested_at=fact.at,
        answer_by=message.answer_by,
    )


@HANDLERS.on(HookFinished)
def hook_finished(fact: Fact, changes: Changes) -> None:
    message: HookFinished = fact.message
    changes.set(
        rollout_hooks,
        (fact.id, _direction(message.down)),
        state="success" if message.ok else "failure",
        exit_code=message.exit_code,
        output=message.output,
        detail=message.detail,
        finished_at=fact.at,
    )


@HANDLERS.on(WaveStarted)
def wave_started(fact: Fact, changes: Changes) -> None:
    message: WaveStarted = fact.message
    changes.set(
        rollouts,
        (fact.id,),
        state="rolling_back" if message.rollback else "deploying",
        wave=message.index,
        bake_until=None,
        bake_min_requests=0,
        bake_give_up_at=None,
    )
    for position, placement in enumerate(message.placements):
        changes.put(
            rollout_placements,
            rollout_id=fact.id,
            deployment_id=placement.deployment_id,
            region=placement.region,
            wave=message.index,
            position=position,
            rollback=message.rollback,
            release_id=placement.release.id,
            started_at=fact.at,
        )


@HANDLERS.on(RegionFinished)
def region_finished(fact: Fact, changes: Changes) -> None:
    message: RegionFinished = fact.message
    said = {"outcome": message.outcome, "code": message.code, "detail": message.detail, "watching": message.watching}
    changes.set(rollout_placements, (fact.id, message.deployment_id), finished_at=fact.at, **said)


@HANDLERS.on(WatchOver)
def watch_over(fact: Fact, changes: Changes) -> None:
    message: WatchOver = fact.message
    blamed = {"breached": True, "code": message.code, "detail": message.detail} if message.breach else {}
    key = (fact.id, message.deployment_id)
    changes.set(rollout_placements, key, watching=False, watched_at=fact.at, **blamed)


@HANDLERS.on(BakeStarted)
def bake_started(fact: Fact, changes: Changes) -> None:
    message: BakeStarted = fact.message
    changes.set(
        rollouts,
        (fact.id,),
        state="baking",
        bake_until=message.until,
        bake_min_requests=message.min_requests,
        bake_give_up_at=message.give_up_at,
    )


@HANDLERS.on(RequestsNoted)
def requests_noted(fact: Fact, changes: Changes) -> None:
    message: RequestsNoted = fact.message
    requests = {"requests": message.requests, "noted_at": fact.at}
    changes.put(rollout_requests, rollout_id=fact.id, region=message.region, **requests)


@HANDLERS.on(BakeFinished)
def bake_finished(fact: Fact, changes: Changes) -> None:
    changes.set(rollouts, (fact.id,), state="deploying", bake_until=None, bake_min_requests=0, bake_give_up_at=None)


@HANDLERS.on(RolloutHalted)
def halted(fact: Fact, changes: Changes) -> None:
    message: RolloutHalted = fact.message
    said = {"halted_code": message.code, "halted_detail": message.detail, "halted_until": message.expires_at}
    changes.set(rollouts, (fact.id,), halted_at=fact.at, **said)


@HANDLERS.on(RolloutPaused)
def paused(fact: Fact, changes: Changes) -> None:
    message: RolloutPaused = fact.message
    said = {"paused_by": message.by, "paused_reason": message.reason, "paused_until": message.expires_at}
    changes.set(rollouts, (fact.id,), paused_at=fact.at, **said)


@HANDLERS.on(RolloutResumed)
def resumed(fact: Fact, changes: Changes) -> None:
    changes.set(rollouts, (fact.id,), **_GOING)


@HANDLERS.on(RolloutAborted)
def aborted(fact: Fact, changes: Changes) -> None:
    message: RolloutAborted = fact.message
    said = {"aborted_by": message.by, "aborted_reason": message.reason, "aborted_code": message.code}
    changes.set(rollouts, (fact.id,), state="aborting", aborted_at=fact.at, **said, **_GOING)


@HANDLERS.on(RolloutFinished)
def finished(fact: Fact, changes: Changes) -> None:
    message: RolloutFinished = fact.message
    changes.set(
        rollouts,
        (fact.id,),
        state="finished",
        outcome=message.outcome,
        code=message.code,
        detail=message.detail,
        finished_at=fact.at,
    )


def _direction(down: bool) -> str:
    return "down" if down else "up"
