"""Releases on their way: app -> rollout -> deployments -> environments, and what each says back.

A deployment and its environment live in one region, so that what the one tells the other stays in order.
"""

from core.aggregate import Send
from core.catalog.commands import CreateRelease, RefuseRollout
from core.catalog.events import RolloutAccepted
from core.deployments import commands as d
from core.deployments import events as deployed
from core.environments import commands as c
from core.environments import events as e
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run
from core.rollouts import commands as r
from core.rollouts import events as rolled


def start_rollout(topology: Topology, envelope: EventEnvelope, event: RolloutAccepted) -> tuple[Send, ...]:
    if event.region not in topology.regions:
        known = ", ".join(topology.regions)
        detail = f"app '{event.app}' is in region '{event.region}', which is not configured: {known}"
        refuse = RefuseRollout(origin=event.origin, code="region-unknown", detail=detail)
        return (Send(envelope.region, Stream.parse(envelope.stream), refuse),)
    command = r.StartRollout(
        app=event.app,
        number=event.number,
        release=event.release,
        settings=event.settings,
        origin=event.origin,
        kind=event.kind,
        regions=event.regions,
        releases=event.releases,
        leaving=event.leaving,
        override_reason=event.override_reason,
    )
    return (Send(event.region, Stream("rollout", event.rollout_id), command),)


def create_release(topology: Topology, envelope: EventEnvelope, event: RolloutAccepted) -> tuple[Send, ...]:
    """Whatever goes out is in the catalog, whoever asked for it."""
    if event.kind == "rollback":
        return ()
    stream = Stream("release", f"{event.app}/{event.release.id}")
    return (Send(topology.home_region, stream, CreateRelease(release=event.release)),)


def start_deployments(topology: Topology, envelope: EventEnvelope, event: rolled.WaveStarted) -> tuple[Send, ...]:
    return tuple(_start(topology, envelope, event, placement) for placement in event.placements)


def _start(topology: Topology, envelope: EventEnvelope, event: rolled.WaveStarted, placement: rolled.Placement) -> Send:
    region, rollout = placement.region, Stream.parse(envelope.stream)
    if region not in topology.regions:
        detail = f"there is no region '{region}' (configured: {', '.join(topology.regions)})"
        failed = r.NoteDeployment(
            deployment_id=placement.deployment_id,
            region=region,
            what="finished",
            outcome="error",
            code="region-unknown",
            detail=detail,
        )
        return Send(envelope.region, rollout, failed)
    command = d.StartDeployment(
        app=event.app,
        environment=event.environment,
        region=region,
        rollout_id=rollout.id,
        release=placement.release,
        settings=event.settings,
        kind="rollback" if event.rollback else "deploy",
        by=event.origin.by,
        automatic=event.origin.automatic,
        override_reason=event.override_reason,
    )
    return Send(region, Stream("deployment", placement.deployment_id), command)


def steer_deployments(
    topology: Topology, envelope: EventEnvelope, event: rolled.DeploymentsSteered
) -> tuple[Send, ...]:
    return tuple(
        Send(region, Stream("deployment", deployment), _steering(event))
        for region, deployment in event.deployments
        if region in topology.regions
    )


def _steering(event: rolled.DeploymentsSteered) -> Message:
    if event.what == "pause":
        return d.PauseDeployment(by=event.by, reason=event.reason)
    if event.what == "resume":
        return d.ResumeDeployment(by=event.by)
    if event.what == "abort":
        return d.AbortDeployment(by=event.by, reason=event.reason)
    return d.PromoteDeployment(by=event.by, full=event.what == "promote_full")


def enter_environment(
    topology: Topology, envelope: EventEnvelope, event: deployed.DeploymentRequested
) -> tuple[Send, ...]:
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


def renew_lock(topology: Topology, envelope: EventEnvelope, event: deployed.LockRenewalRequested) -> tuple[Send, ...]:
    command = c.RenewLock(deployment_id=Stream.parse(envelope.stream).id, epoch=event.epoch)
    return (_to_environment(event, command),)


def note_release(topology: Topology, envelope: EventEnvelope, event: deployed.ReleaseActivated) -> tuple[Send, ...]:
    command = c.NoteRelease(deployment_id=Stream.parse(envelope.stream).id, release=event.release)
    return (_to_environment(event, command),)


def quarantine_release(
    topology: Topology, envelope: EventEnvelope, event: deployed.RollbackTriggered
) -> tuple[Send, ...]:
    if not event.quarantine:
        return ()
    command = c.QuarantineRelease(
        release_id=event.release_id,
        reason=f"{event.code}: {event.detail}",
        deployment_id=Stream.parse(envelope.stream).id,
    )
    return (_to_environment(event, command),)


def end_deployment(topology: Topology, envelope: EventEnvelope, event: deployed.DeploymentFinished) -> tuple[Send, ...]:
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
    )
    return (_to_environment(event, left), _to_rollout(event.rollout_id, noted))


def end_watch(topology: Topology, envelope: EventEnvelope, event: deployed.WatchEnded) -> tuple[Send, ...]:
    noted = r.NoteDeployment(
        deployment_id=Stream.parse(envelope.stream).id,
        region=event.region,
        what="breach" if event.reason == "breach" else "watch_ended",
        code=event.code,
        detail=event.detail,
    )
    return (_to_rollout(event.rollout_id, noted),)


def note_requests(topology: Topology, envelope: EventEnvelope, event: deployed.SampleRecorded) -> tuple[Send, ...]:
    if event.total_requests is None:
        return ()
    noted = r.NoteRequests(
        deployment_id=Stream.parse(envelope.stream).id, region=event.region, requests=event.total_requests
    )
    return (_to_rollout(event.rollout_id, noted),)


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


def _to_environment(
    event: deployed.DeploymentRequested
    | deployed.LockRenewalRequested
    | deployed.ReleaseActivated
    | deployed.RollbackTriggered
    | deployed.DeploymentFinished,
    command: Message,
) -> Send:
    return Send(event.region, Stream("environment", f"{event.app}/{event.environment}/{event.region}"), command)


def _to_deployment(deployment: str, command: Message) -> Send:
    return Send(region_of_run(deployment), Stream("deployment", deployment), command)


def _to_rollout(rollout: str, command: Message) -> Send:
    return Send(region_of_run(rollout), Stream("rollout", rollout), command)
