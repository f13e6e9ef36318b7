"""What an environment decides about its lock, said to the deployments and stages concerned."""

from core.aggregate import Send
from core.deployments import commands as d
from core.environments import events as e
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run, split_stage_key
from core.runs import commands as r


def admit_owner(topology: Topology, envelope: EventEnvelope, event: e.LockGranted) -> tuple[Send, ...]:
    """Who was still being watched there is told that somebody else goes on."""
    watched = (_to_deployment(event.replaces, d.EndWatch(by=event.deployment_id)),) if event.replaces else ()
    if found := split_stage_key(event.deployment_id):
        run, stage, round_ = found
        admitted = r.AdmitStage(stage=stage, round=round_, region=_region(envelope), epoch=event.epoch)
        return (_to_run(run, admitted), *watched)
    admit = d.AdmitDeployment(epoch=event.epoch, current=event.current, previous=event.previous)
    return (_to_deployment(event.deployment_id, admit), *watched)


def refuse_owner(topology: Topology, envelope: EventEnvelope, event: e.DeploymentRefused) -> tuple[Send, ...]:
    if found := split_stage_key(event.deployment_id):
        return (_deny(envelope, found, event.code, event.detail),)
    return (_to_deployment(event.deployment_id, d.RefuseDeployment(code=event.code, detail=event.detail)),)


def lose_lock(topology: Topology, envelope: EventEnvelope, event: e.LockReleased) -> tuple[Send, ...]:
    if not event.expired:
        return ()
    if found := split_stage_key(event.deployment_id):
        detail = f"the lock of {Stream.parse(envelope.stream).id} expired (epoch {event.epoch})"
        return (_deny(envelope, found, "lock-lost", detail, event.epoch),)
    return (_to_deployment(event.deployment_id, d.LoseLock(epoch=event.epoch)),)


def preempt_deployment(topology: Topology, envelope: EventEnvelope, event: e.PreemptionRequested) -> tuple[Send, ...]:
    return (_to_deployment(event.deployment_id, d.AbortDeployment(by=event.by, reason=event.reason)),)


def _deny(envelope: EventEnvelope, owner: tuple[str, str, int], code: str, detail: str, epoch: int = 0) -> Send:
    run, stage, round_ = owner
    denied = r.DenyStage(stage=stage, round=round_, region=_region(envelope), code=code, detail=detail, epoch=epoch)
    return _to_run(run, denied)


def _region(envelope: EventEnvelope) -> str:
    return envelope.stream.rpartition("/")[2]


def _to_deployment(deployment: str, command: Message) -> Send:
    return Send(region_of_run(deployment), Stream("deployment", deployment), command)


def _to_run(run: str, command: Message) -> Send:
    return Send(region_of_run(run), Stream("run", run), command)
