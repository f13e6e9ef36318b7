"""Stages that deploy: a run asks its app for a rollout, is told what becomes of it, and takes it back when it stops."""

from core.aggregate import Send
from core.catalog.commands import RequestRollout, SetEnvironments
from core.catalog.events import RolloutAccepted, RolloutRefused
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run
from core.rollouts.commands import AbortRollout, Origin
from core.rollouts.events import RolloutFinished
from core.runs.commands import FinishDeploy, NoteRollout
from core.runs.events import RunPlanned, StageDeployCancelRequested, StageDeployRequested

_WHY_ABORTED = {
    "timeout": "it took longer than the run's stage allows",
    "stage-over": "the stage that asked for it is over already",
}


def set_environments(topology: Topology, envelope: EventEnvelope, event: RunPlanned) -> tuple[Send, ...]:
    """`delivery.yml` at the head of the default branch says what environments the app has."""
    if not event.default_branch or event.environments is None:
        return ()
    command = SetEnvironments(
        environments=event.environments, source="file", commit=event.commit, number=event.number, by=event.author
    )
    return (Send(topology.home_region, Stream("app", event.app), command),)


def request_rollout(topology: Topology, envelope: EventEnvelope, event: StageDeployRequested) -> tuple[Send, ...]:
    origin = Origin(
        by=event.by,
        automatic=event.automatic,
        run_id=Stream.parse(envelope.stream).id,
        stage=event.stage,
        round=event.round,
    )
    command = RequestRollout(
        environment=event.environment,
        release=event.release,
        origin=origin,
        regions=event.regions,
        strategy_override=event.strategy,
    )
    return (Send(topology.home_region, Stream("app", event.app), command),)


def note_rollout(topology: Topology, envelope: EventEnvelope, event: RolloutAccepted) -> tuple[Send, ...]:
    told = NoteRollout(stage=event.origin.stage, round=event.origin.round, rollout_id=event.rollout_id)
    return _to_run(event.origin, told)


def refuse_deploy(topology: Topology, envelope: EventEnvelope, event: RolloutRefused) -> tuple[Send, ...]:
    told = FinishDeploy(
        stage=event.origin.stage, round=event.origin.round, outcome="refused", code=event.code, detail=event.detail
    )
    return _to_run(event.origin, told)


def finish_deploy(topology: Topology, envelope: EventEnvelope, event: RolloutFinished) -> tuple[Send, ...]:
    told = FinishDeploy(
        stage=event.origin.stage,
        round=event.origin.round,
        outcome=event.outcome,
        rollout_id=Stream.parse(envelope.stream).id,
        code=event.code,
        detail=event.detail,
    )
    return _to_run(event.origin, told)


def abort_rollout(topology: Topology, envelope: EventEnvelope, event: StageDeployCancelRequested) -> tuple[Send, ...]:
    region, rollout = region_of_run(event.rollout_id), Stream("rollout", event.rollout_id)
    why = _WHY_ABORTED.get(event.reason, f"its run was cancelled ({event.reason})")
    return (Send(region, rollout, AbortRollout(by=envelope.stream, reason=why)),)


def _to_run(origin: Origin, command: Message) -> tuple[Send, ...]:
    """Who asked by hand waits for nothing."""
    if not origin.run_id:
        return ()
    return (Send(region_of_run(origin.run_id), Stream("run", origin.run_id), command),)
