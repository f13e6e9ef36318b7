"""Jobs of a run and leases of a pool: queue, cancel, release one way; start, lose, explain the other."""

from core.aggregate import Send
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import attempt_key, region_of_run, split_attempt_key
from core.pools.commands import CancelJob, EnqueueJob, ReleaseLease
from core.pools.entries import QueueEntry
from core.pools.events import JobExplained, LeaseAccepted, LeaseLost
from core.runs.commands import ExplainJob, LoseJob, RefuseJob, StartJob
from core.runs.events import JobCancelRequested, JobFinished, JobQueued


def enqueue_job(topology: Topology, envelope: EventEnvelope, event: JobQueued) -> tuple[Send, ...]:
    if event.region not in topology.regions:
        detail = f"there is no region '{event.region}' (configured: {', '.join(topology.regions)})"
        refuse = RefuseJob(job_id=event.job_id, attempt=event.attempt, code="region-unknown", detail=detail)
        return (Send(envelope.region, Stream.parse(envelope.stream), refuse),)
    entry = QueueEntry(
        attempt_key=event.spec.attempt_key,
        app=event.spec.app,
        priority=event.priority,
        labels=event.labels,
        queued_at=envelope.recorded_at,
        correlation_id=envelope.correlation_id,
        spec=event.spec,
    )
    return (Send(event.region, _pool(event.region, event.pool), EnqueueJob(entry=entry)),)


def cancel_job(topology: Topology, envelope: EventEnvelope, event: JobCancelRequested) -> tuple[Send, ...]:
    key = attempt_key(Stream.parse(envelope.stream).id, event.job_id, event.attempt)
    command = CancelJob(attempt_key=key, grace_seconds=event.grace_seconds)
    return _to_pool(topology, event.region, event.pool, command)


def release_lease(topology: Topology, envelope: EventEnvelope, event: JobFinished) -> tuple[Send, ...]:
    key = attempt_key(Stream.parse(envelope.stream).id, event.job_id, event.attempt)
    return _to_pool(topology, event.region, event.pool, ReleaseLease(attempt_key=key))


def _to_pool(topology: Topology, region: str, pool: str, command: Message) -> tuple[Send, ...]:
    return (Send(region, _pool(region, pool), command),) if region in topology.regions else ()


def _pool(region: str, name: str) -> Stream:
    return Stream("pool", f"{region}/{name}")


def start_job(topology: Topology, envelope: EventEnvelope, event: LeaseAccepted) -> tuple[Send, ...]:
    run, job, attempt = split_attempt_key(event.attempt_key)
    command = StartJob(job_id=job, attempt=attempt, epoch=event.epoch, agent_id=event.agent_id)
    return (_to_run(run, command),)


def lose_job(topology: Topology, envelope: EventEnvelope, event: LeaseLost) -> tuple[Send, ...]:
    run, job, attempt = split_attempt_key(event.attempt_key)
    return (_to_run(run, LoseJob(job_id=job, attempt=attempt, epoch=event.epoch, reason=event.reason)),)


def explain_job(topology: Topology, envelope: EventEnvelope, event: JobExplained) -> tuple[Send, ...]:
    run, job, attempt = split_attempt_key(event.attempt_key)
    return (_to_run(run, ExplainJob(job_id=job, attempt=attempt, reason=event.reason)),)


def _to_run(run: str, command: Message) -> Send:
    return Send(region_of_run(run), Stream("run", run), command)
