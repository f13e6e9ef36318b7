"""Jobs of a run and leases of a pool: queue, cancel, release one way; start, lose, explain the other."""

from core.aggregate import Send
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import attempt_key, region_of_run, split_attempt_key
from core.pools.commands import CancelJob, EnqueueJob, RecallJobs, ReleaseLease
from core.pools.entries import QueueEntry
from core.pools.events import JobExplained, JobMoved, LeaseAccepted, LeaseLost, PoolRestored
from core.runs.commands import ExplainJob, LoseJob, MoveJob, RefuseJob, StartJob
from core.runs.events import JobCancelRequested, JobFinished, JobMoveRefused, JobQueued


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
        pinned=event.pinned,
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


def move_job(topology: Topology, envelope: EventEnvelope, event: JobMoved) -> tuple[Send, ...]:
    """Into the other pool's queue, and on record in its run. A pool nobody could have ends the attempt instead."""
    run, job, attempt = split_attempt_key(event.attempt_key)
    region, _, pool = event.to.partition("/")
    if region not in topology.regions:
        detail = f"pool '{event.to}' is in no region there is (configured: {', '.join(topology.regions)})"
        return (_to_run(run, RefuseJob(job_id=job, attempt=attempt, code="region-unknown", detail=detail)),)
    told = MoveJob(job_id=job, attempt=attempt, region=region, pool=pool, reason=_why_moved(envelope, event))
    return (Send(region, _pool(region, pool), EnqueueJob(entry=event.entry)), _to_run(run, told))


def _why_moved(envelope: EventEnvelope, event: JobMoved) -> str:
    if event.reason == "evacuated":
        return f"pool {Stream.parse(envelope.stream).id} is evacuated"
    return f"pool {event.to} works again"


def drop_stray(topology: Topology, envelope: EventEnvelope, event: JobMoveRefused) -> tuple[Send, ...]:
    key = attempt_key(Stream.parse(envelope.stream).id, event.job_id, event.attempt)
    return _to_pool(topology, event.region, event.pool, ReleaseLease(attempt_key=key))


def recall_jobs(topology: Topology, envelope: EventEnvelope, event: PoolRestored) -> tuple[Send, ...]:
    command = RecallJobs(pool=Stream.parse(envelope.stream).id)
    places = (name.partition("/") for name in event.fallback)
    return tuple(send for region, _, pool in places for send in _to_pool(topology, region, pool, command))


def _to_run(run: str, command: Message) -> Send:
    return Send(region_of_run(run), Stream("run", run), command)
