"""Deployments: how far each is on its strategy's steps, and what became of it."""

from typing import Any

from core.deployments.events import (
    ActionFailed,
    ActionRequested,
    AnalysisConcluded,
    DeploymentFinished,
    DeploymentPaused,
    DeploymentPromoted,
    DeploymentRequested,
    DeploymentResumed,
    DeploymentStarted,
    HealthReported,
    ReleaseActivated,
    RollbackTriggered,
    StepReached,
    TrafficShifted,
    WatchEnded,
    WatchStarted,
)
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.deployments import deployment_actions, deployment_health, deployment_traffic, deployments
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("deployment")
_NO_PAUSE: dict[str, Any] = {"paused_at": None, "paused_by": "", "paused_reason": "", "remaining_seconds": None}


@HANDLERS.on(DeploymentRequested)
def requested(fact: Fact, changes: Changes) -> None:
    message: DeploymentRequested = fact.message
    changes.put(
        deployments,
        id=fact.id,
        app=message.app,
        environment=message.environment,
        region=message.region,
        rollout_id=message.rollout_id,
        kind=message.kind,
        release_id=message.release.id,
        release=as_json(message.release),
        settings=as_json(message.settings),
        by=message.by,
        automatic=message.automatic,
        override_reason=message.override_reason,
        correlation_id=fact.event.correlation_id,
        state="requested",
        requested_at=fact.at,
        deadline_at=message.give_up_at,
    )


@HANDLERS.on(DeploymentStarted)
def started(fact: Fact, changes: Changes) -> None:
    message: DeploymentStarted = fact.message
    _set(
        fact,
        changes,
        state="moving",
        epoch=message.epoch,
        steps=as_json(message.steps),
        current=message.current.id if message.current else None,
        rollback_to=message.rollback_to.id if message.rollback_to else None,
        started_at=fact.at,
        deadline_at=message.deadline_at,
    )


@HANDLERS.on(ActionRequested)
def action_requested(fact: Fact, changes: Changes) -> None:
    message: ActionRequested = fact.message
    going = {"state": "moving", "reached_at": None, "hold_until": None, "holds": False}
    # The way back is no step: how far it had come stays to be seen.
    forward = {"step": message.step} if message.step >= 0 else {}
    _set(fact, changes, action=message.action, answer_by=message.answer_by, **forward, **going)
    changes.put(
        deployment_actions,
        deployment_id=fact.id,
        action=message.action,
        epoch=message.epoch,
        step=message.step,
        at_once=message.wish.at_once,
        sets=as_json(
            [
                {"name": each.name, "role": each.role, "replicas": each.replicas, "weight": each.weight}
                for each in message.wish.sets
            ]
        ),
        requested_at=fact.at,
        answer_by=message.answer_by,
    )


@HANDLERS.on(ActionFailed)
def action_failed(fact: Fact, changes: Changes) -> None:
    message: ActionFailed = fact.message
    _set(fact, changes, answer_by=None, status=as_json(message.status))
    changes.set(
        deployment_actions,
        (fact.id, message.action),
        failed_at=fact.at,
        code=message.code,
        detail=message.detail,
        retry_at=message.retry_at,
        probes=as_json(message.probes),
    )


@HANDLERS.on(StepReached)
def step_reached(fact: Fact, changes: Changes) -> None:
    message: StepReached = fact.message
    _set(
        fact,
        changes,
        state="holding",
        answer_by=None,
        reached_at=fact.at,
        hold_until=message.hold_until,
        holds=message.hold_until is None,
        status=as_json(message.status),
    )
    key = (fact.id, message.action)
    changes.set(deployment_actions, key, reached_at=fact.at, probes=as_json(message.probes))


@HANDLERS.on(TrafficShifted)
def traffic_shifted(fact: Fact, changes: Changes) -> None:
    weights = as_json(fact.message.weights)
    _set(fact, changes, weights=weights)
    version = fact.event.stream_version
    changes.put(deployment_traffic, deployment_id=fact.id, version=version, weights=weights, shifted_at=fact.at)


@HANDLERS.on(HealthReported)
def health_reported(fact: Fact, changes: Changes) -> None:
    message: HealthReported = fact.message
    status = as_json(message.status)
    if not message.lost:
        _set(fact, changes, status=status)
    changes.put(
        deployment_health,
        deployment_id=fact.id,
        version=fact.event.stream_version,
        status=status,
        lost=message.lost,
        detail=message.detail,
        recover_by=message.recover_by,
        reported_at=fact.at,
    )


@HANDLERS.on(DeploymentPaused)
def paused(fact: Fact, changes: Changes) -> None:
    message: DeploymentPaused = fact.message
    said = {"paused_by": message.by, "paused_reason": message.reason}
    _set(fact, changes, paused_at=fact.at, remaining_seconds=message.remaining_seconds, **said)


@HANDLERS.on(DeploymentResumed)
def resumed(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, hold_until=fact.message.hold_until, **_NO_PAUSE)


@HANDLERS.on(DeploymentPromoted)
def promoted(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, hold_until=None, holds=False, **_NO_PAUSE)


@HANDLERS.on(RollbackTriggered)
def rollback_triggered(fact: Fact, changes: Changes) -> None:
    message: RollbackTriggered = fact.message
    _set(
        fact,
        changes,
        rollback_at=fact.at,
        rollback_code=message.code,
        rollback_detail=message.detail,
        rollback_check=message.check,
        rollback_value=message.value,
        rollback_sample=message.sample,
        rollback_by=message.by,
        hold_until=None,
        holds=False,
        **_NO_PAUSE,
    )


@HANDLERS.on(AnalysisConcluded)
def analysis_concluded(fact: Fact, changes: Changes) -> None:
    message: AnalysisConcluded = fact.message
    _set(fact, changes, analysis=message.outcome, analysis_detail=message.detail)


@HANDLERS.on(ReleaseActivated)
def activated(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, activated_at=fact.at)


@HANDLERS.on(WatchStarted)
def watch_started(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, watch_until=fact.message.until)


@HANDLERS.on(WatchEnded)
def watch_ended(fact: Fact, changes: Changes) -> None:
    _set(fact, changes, watch_ended=fact.message.reason)


@HANDLERS.on(DeploymentFinished)
def finished(fact: Fact, changes: Changes) -> None:
    message: DeploymentFinished = fact.message
    _set(
        fact,
        changes,
        state="finished",
        outcome=message.outcome,
        code=message.code,
        detail=message.detail,
        now_on=message.now_on.id if message.now_on else None,
        rollback_to=message.rollback_to.id if message.rollback_to else None,
        answer_by=None,
        hold_until=None,
        holds=False,
        finished_at=fact.at,
        **_NO_PAUSE,
    )


def _set(fact: Fact, changes: Changes, **values: Any) -> None:
    changes.set(deployments, (fact.id,), **values)
