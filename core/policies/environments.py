"""What an environment decides about its lock, said to the deployments concerned."""

from core.aggregate import Send
from core.deployments import commands as d
from core.environments import events as e
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run


def admit_deployment(topology: Topology, envelope: EventEnvelope, event: e.LockGranted) -> tuple[Send, ...]:
    """Who was still being watched there is told that somebody else goes on."""
    admit = d.AdmitDeployment(epoch=event.epoch, current=event.current, previous=event.previous)
    sends = (_to_deployment(event.deployment_id, admit),)
    if not event.replaces:
        return sends
    return (*sends, _to_deployment(event.replaces, d.EndWatch(by=event.deployment_id)))


def refuse_deployment(topology: Topology, envelope: EventEnvelope, event: e.DeploymentRefused) -> tuple[Send, ...]:
    return (_to_deployment(event.deployment_id, d.RefuseDeployment(code=event.code, detail=event.detail)),)


def lose_lock(topology: Topology, envelope: EventEnvelope, event: e.LockReleased) -> tuple[Send, ...]:
    return (_to_deployment(event.deployment_id, d.LoseLock(epoch=event.epoch)),) if event.expired else ()


def preempt_deployment(topology: Topology, envelope: EventEnvelope, event: e.PreemptionRequested) -> tuple[Send, ...]:
    return (_to_deployment(event.deployment_id, d.AbortDeployment(by=event.by, reason=event.reason)),)


def _to_deployment(deployment: str, command: Message) -> Send:
    return Send(region_of_run(deployment), Stream("deployment", deployment), command)
