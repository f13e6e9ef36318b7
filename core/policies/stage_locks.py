"""Stages that deploy by their own steps: a run asks its app what protects the environment, then for its locks."""

from core.aggregate import Send
from core.catalog.commands import FindProtection
from core.catalog.events import ProtectionFound
from core.environments.commands import EnterEnvironment, LeaveEnvironment, RenewLock
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run, stage_key
from core.rollouts.commands import Origin
from core.runs import events as e
from core.runs.commands import DenyStage, NoteProtection

_Event = e.StageLockRequested | e.StageLockRenewalRequested | e.StageEnvironmentLeft


def find_protection(topology: Topology, envelope: EventEnvelope, event: e.StageProtectionRequested) -> tuple[Send, ...]:
    run = Stream.parse(envelope.stream).id
    origin = Origin(by=event.by, automatic=event.automatic, run_id=run, stage=event.stage, round=event.round)
    command = FindProtection(environment=event.environment, origin=origin, regions=event.regions)
    return (Send(topology.home_region, Stream("app", event.app), command),)


def note_protection(topology: Topology, envelope: EventEnvelope, event: ProtectionFound) -> tuple[Send, ...]:
    origin = event.origin
    told = NoteProtection(
        stage=origin.stage, round=origin.round, protection=event.protection, code=event.code, detail=event.detail
    )
    return (Send(region_of_run(origin.run_id), Stream("run", origin.run_id), told),)


def enter_environment(topology: Topology, envelope: EventEnvelope, event: e.StageLockRequested) -> tuple[Send, ...]:
    if event.region not in topology.regions:
        detail = f"there is no region '{event.region}' (configured: {', '.join(topology.regions)})"
        deny = DenyStage(
            stage=event.stage, round=event.round, region=event.region, code="region-unknown", detail=detail
        )
        return (Send(envelope.region, Stream.parse(envelope.stream), deny),)
    command = EnterEnvironment(
        deployment_id=_owner(envelope, event),
        rollout_id="",
        release=event.release,
        by=event.by,
        automatic=event.automatic,
        freezes=event.freezes,
        windows=event.windows,
    )
    return (_to_place(event, event.region, command),)


def renew_locks(topology: Topology, envelope: EventEnvelope, event: e.StageLockRenewalRequested) -> tuple[Send, ...]:
    owner = _owner(envelope, event)
    return tuple(
        _to_place(event, region, RenewLock(deployment_id=owner, epoch=epoch)) for region, epoch in event.locks.items()
    )


def leave_environment(topology: Topology, envelope: EventEnvelope, event: e.StageEnvironmentLeft) -> tuple[Send, ...]:
    command = LeaveEnvironment(deployment_id=_owner(envelope, event))
    return tuple(_to_place(event, region, command) for region in event.regions if region in topology.regions)


def _owner(envelope: EventEnvelope, event: _Event) -> str:
    return stage_key(Stream.parse(envelope.stream).id, event.stage, event.round)


def _to_place(event: _Event, region: str, command: Message) -> Send:
    return Send(region, Stream("environment", f"{event.app}/{event.environment}/{region}"), command)
