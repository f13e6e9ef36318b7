"""Pools as their aggregates see them: agents, and the attempts that wait, are offered or are leased."""

from core.ids import split_attempt_key
from core.pools.entries import QueueEntry
from core.pools.events import (
    AgentConnected,
    AgentDisconnected,
    AgentDraining,
    AgentGone,
    HeartbeatsRecorded,
    JobDequeued,
    JobEnqueued,
    JobExplained,
    JobMoved,
    LeaseAccepted,
    LeaseGranted,
    LeaseLost,
    LeaseReleased,
    LeaseReturned,
    PoolConfigured,
    PoolEvacuated,
    PoolRestored,
)
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.pools import agents, pools, queue
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("pool")


@HANDLERS.on(AgentConnected)
def agent_connected(fact: Fact, changes: Changes) -> None:
    message: AgentConnected = fact.message
    region, pool = _ensure_pool(fact, changes)
    changes.put(
        agents,
        region=region,
        pool=pool,
        agent_id=message.agent_id,
        session=message.session,
        slots=message.slots,
        labels=as_json(message.labels),
        isolation=message.isolation,
        version=message.version,
        connected=True,
        draining=message.draining,
        connected_at=fact.at,
        last_seen_at=message.at or fact.at,
    )


@HANDLERS.on(AgentDisconnected)
def agent_disconnected(fact: Fact, changes: Changes) -> None:
    changes.set(agents, (*_names(fact), fact.message.agent_id), connected=False)


@HANDLERS.on(HeartbeatsRecorded)
def heartbeats_recorded(fact: Fact, changes: Changes) -> None:
    for agent_id in fact.message.agents:
        changes.set(agents, (*_names(fact), agent_id), last_seen_at=fact.message.at or fact.at)


@HANDLERS.on(AgentDraining)
def agent_draining(fact: Fact, changes: Changes) -> None:
    changes.set(agents, (*_names(fact), fact.message.agent_id), draining=True)


@HANDLERS.on(AgentGone)
def agent_gone(fact: Fact, changes: Changes) -> None:
    message: AgentGone = fact.message
    key = (*_names(fact), message.agent_id)
    changes.set(agents, key, connected=False, gone=message.reason, gone_at=fact.at)


@HANDLERS.on(JobEnqueued)
def enqueued(fact: Fact, changes: Changes) -> None:
    entry: QueueEntry = fact.message.entry
    region, pool = _ensure_pool(fact, changes)
    run_id, job_id, attempt = split_attempt_key(entry.attempt_key)
    changes.put(
        queue,
        attempt_key=entry.attempt_key,
        region=region,
        pool=pool,
        app=entry.app,
        run_id=run_id,
        job_id=job_id,
        attempt=attempt,
        priority=entry.priority,
        labels=as_json(entry.labels),
        queued_at=entry.queued_at,
        state="waiting",
    )


@HANDLERS.on(JobExplained)
def explained(fact: Fact, changes: Changes) -> None:
    changes.set(queue, _queued(fact), reason=fact.message.reason)


@HANDLERS.on(LeaseGranted)
def granted(fact: Fact, changes: Changes) -> None:
    message: LeaseGranted = fact.message
    changes.set(
        queue,
        _queued(fact),
        state="offered",
        agent_id=message.agent_id,
        epoch=message.epoch,
        accept_by=message.accept_by,
        reason="",
    )


@HANDLERS.on(LeaseAccepted)
def accepted(fact: Fact, changes: Changes) -> None:
    changes.set(queue, _queued(fact), state="leased", accept_by=None, accepted_at=fact.at)


@HANDLERS.on(LeaseReturned)
def returned(fact: Fact, changes: Changes) -> None:
    changes.set(queue, _queued(fact), state="waiting", agent_id=None, accept_by=None)


@HANDLERS.on(JobDequeued, JobMoved, LeaseReleased, LeaseLost)
def ended(fact: Fact, changes: Changes) -> None:
    changes.delete(queue, _queued(fact))


@HANDLERS.on(PoolConfigured)
def configured(fact: Fact, changes: Changes) -> None:
    message: PoolConfigured = fact.message
    changes.set(
        pools,
        _ensure_pool(fact, changes),
        fallback=as_json(message.fallback),
        evacuate_after_seconds=message.evacuate_after_seconds,
    )


@HANDLERS.on(PoolEvacuated)
def evacuated(fact: Fact, changes: Changes) -> None:
    message: PoolEvacuated = fact.message
    changes.set(
        pools,
        _ensure_pool(fact, changes),
        evacuated_at=message.at,
        evacuated_reason=message.reason,
        evacuated_by=message.by,
    )


@HANDLERS.on(PoolRestored)
def restored(fact: Fact, changes: Changes) -> None:
    changes.set(pools, _names(fact), evacuated_at=None, evacuated_reason="", evacuated_by="")


def _queued(fact: Fact) -> tuple[str, str, str]:
    """The key of an attempt in this pool's hands."""
    return (fact.message.attempt_key, *_names(fact))


def _names(fact: Fact) -> tuple[str, str]:
    region, _, pool = fact.id.partition("/")
    return region, pool


def _ensure_pool(fact: Fact, changes: Changes) -> tuple[str, str]:
    region, pool = _names(fact)
    changes.ensure(pools, region=region, name=pool)
    return region, pool
