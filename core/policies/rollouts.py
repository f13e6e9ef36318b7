"""Releases on their way: app -> rollout -> the deployments of its waves, and what people want of those."""

from core.aggregate import Send
from core.catalog.commands import CreateRelease, RefuseRollout
from core.catalog.events import RolloutAccepted
from core.deployments import commands as d
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.rollouts import commands as c
from core.rollouts import events as e


def start_rollout(topology: Topology, envelope: EventEnvelope, event: RolloutAccepted) -> tuple[Send, ...]:
    if event.region not in topology.regions:
        known = ", ".join(topology.regions)
        detail = f"app '{event.app}' is in region '{event.region}', which is not configured: {known}"
        refuse = RefuseRollout(origin=event.origin, code="region-unknown", detail=detail)
        return (Send(envelope.region, Stream.parse(envelope.stream), refuse),)
    command = c.StartRollout(
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


def start_deployments(topology: Topology, envelope: EventEnvelope, event: e.WaveStarted) -> tuple[Send, ...]:
    return tuple(_start(topology, envelope, event, placement) for placement in event.placements)


def _start(topology: Topology, envelope: EventEnvelope, event: e.WaveStarted, placement: e.Placement) -> Send:
    region, rollout = placement.region, Stream.parse(envelope.stream)
    if region not in topology.regions:
        detail = f"there is no region '{region}' (configured: {', '.join(topology.regions)})"
        failed = c.NoteDeployment(
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


def steer_deployments(topology: Topology, envelope: EventEnvelope, event: e.DeploymentsSteered) -> tuple[Send, ...]:
    return tuple(
        Send(region, Stream("deployment", deployment), _steering(event))
        for region, deployment in event.deployments
        if region in topology.regions
    )


def _steering(event: e.DeploymentsSteered) -> Message:
    if event.what == "pause":
        return d.PauseDeployment(by=event.by, reason=event.reason)
    if event.what == "resume":
        return d.ResumeDeployment(by=event.by)
    if event.what == "abort":
        return d.AbortDeployment(by=event.by, reason=event.reason)
    return d.PromoteDeployment(by=event.by, full=event.what == "promote_full")
