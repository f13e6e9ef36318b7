"""What a deployment says to its environment and its rollout.

It lives in its environment's region, so that what the one tells the other stays in order.
"""

from core.aggregate import Send
from core.deployments import events as e
from core.environments import commands as c
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run
from core.rollouts import commands as r


def enter_environment(topology: Topology, envelope: EventEnvelope, event: e.DeploymentRequested) -> tuple[Send, ...]:
    command = c.EnterEnvironment(
        deployment_id=Stream.parse(envelope.stream).id,
        rollout_id=event.rollout_id,
        release=event.release,
        by=event.by,
        automatic=event.automatic,
        urgent=event.kind == "rollback",
        override_reason=event.override_reason,
        freezes=event.settings.freezes,
        windows=event.settings.windows,
    )
    return (_to_environment(event, command),)


def renew_lock(topology: Topology, envelope: EventEnvelope, event: e.LockRenewalRequested) -> tuple[Send, ...]:
    command = c.RenewLock(deployment_id=Stream.parse(envelope.stream).id, epoch=event.epoch)
    return (_to_environment(event, command),)


def note_release(topology: Topology, envelope: EventEnvelope, event: e.ReleaseActivated) -> tuple[Send, ...]:
    command = c.NoteRelease(deployment_id=Stream.parse(envelope.stream).id, release=event.release)
    return (_to_environment(event, command),)


def quarantine_release(topology: Topology, envelope: EventEnvelope, event: e.RollbackTriggered) -> tuple[Send, ...]:
    if not event.quarantine:
        return ()
    command = c.QuarantineRelease(
        release_id=event.release_id,
        reason=f"{event.code}: {event.detail}",
        deployment_id=Stream.parse(envelope.stream).id,
    )
    return (_to_environment(event, command),)


def end_deployment(topology: Topology, envelope: EventEnvelope, event: e.DeploymentFinished) -> tuple[Send, ...]:
    """The environment is free for the next, and the rollout goes on."""
    deployment = Stream.parse(envelope.stream).id
    left = c.LeaveEnvironment(deployment_id=deployment, outcome=event.outcome, watch_until=event.watch_until)
    noted = r.NoteDeployment(
        deployment_id=deployment,
        region=event.region,
        what="finished",
        outcome=event.outcome,
        code=event.code,
        detail=event.detail,
        rollback_to=event.rollback_to,
        watching=event.watch_until is not None,
        touched=event.touched,
    )
    return (_to_environment(event, left), _to_rollout(event.rollout_id, noted))


def end_watch(topology: Topology, envelope: EventEnvelope, event: e.WatchEnded) -> tuple[Send, ...]:
    noted = r.NoteDeployment(
        deployment_id=Stream.parse(envelope.stream).id,
        region=event.region,
        what="breach" if event.reason == "breach" else "watch_ended",
        code=event.code,
        detail=event.detail,
    )
    return (_to_rollout(event.rollout_id, noted),)


def note_requests(topology: Topology, envelope: EventEnvelope, event: e.SampleRecorded) -> tuple[Send, ...]:
    if event.requests_since_complete is None:
        return ()
    noted = r.NoteRequests(
        deployment_id=Stream.parse(envelope.stream).id, region=event.region, requests=event.requests_since_complete
    )
    return (_to_rollout(event.rollout_id, noted),)


def _to_environment(
    event: e.DeploymentRequested
    | e.LockRenewalRequested
    | e.ReleaseActivated
    | e.RollbackTriggered
    | e.DeploymentFinished,
    command: Message,
) -> Send:
    return Send(event.region, Stream("environment", f"{event.app}/{event.environment}/{event.region}"), command)


def _to_rollout(rollout: str, command: Message) -> Send:
    return Send(region_of_run(rollout), Stream("rollout", rollout), command)
