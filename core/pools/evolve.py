"""How each event changes an AgentPool. Total, and in place."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from core.aggregate import CommandIgnored, CommandRejected
from core.pools import events as e
from core.pools.lanes import hold, put, refresh_lanes, take
from core.pools.state import AgentClass, AgentState, Evacuation, LeaseState, PoolState, Waiting

LOST_AFTER: Final = timedelta(seconds=30)


def evolve(state: PoolState, event: Any) -> PoolState:
    _EVOLVE[type(event)](state, event)
    return state


def _agent_connected(state: PoolState, event: e.AgentConnected) -> None:
    known = state.agents.get(event.agent_id)
    if known is not None:
        _leave_class(state, event.agent_id, known)
    labels = sorted(set(event.labels))
    assert event.at is not None
    agent = AgentState(
        session=event.session,
        slots=event.slots,
        agent_class="\x1f".join(labels),
        heard_at=event.at,
        isolation=event.isolation,
        version=event.version,
        draining=event.draining,
        leases=known.leases if known else [],
    )
    state.agents[event.agent_id] = agent
    if not agent.draining:
        if agent.agent_class not in state.classes:
            state.classes[agent.agent_class] = AgentClass(labels)
        state.classes[agent.agent_class].members += 1
        state.deserted = False
        state.timers.clear("evacuate:")
    _heard(state, event.agent_id, agent, event.at)
    _place(state, event.agent_id, agent)
    refresh_lanes(state)


def _leave_class(state: PoolState, agent_id: str, agent: AgentState) -> None:
    """The agent takes no further leases; it may still hold some."""
    if agent.draining:
        return
    own = state.classes[agent.agent_class]
    if agent.load >= 0:
        own.free.remove((agent.load, agent_id))
        agent.load = -1
    own.members -= 1
    if own.members == 0:
        del state.classes[agent.agent_class]


def _place(state: PoolState, agent_id: str, agent: AgentState) -> None:
    """Bring the list of free agents up to date with this one: the least loaded comes first."""
    if agent.draining:
        return
    free = agent.connected and len(agent.leases) < agent.slots
    load = len(agent.leases) * 1000 // agent.slots if free else -1
    if load == agent.load:
        return
    own = state.classes[agent.agent_class]
    if agent.load >= 0:
        own.free.remove((agent.load, agent_id))
    if load >= 0:
        own.free.add((load, agent_id))
    agent.load = load


def _heard(state: PoolState, agent_id: str, agent: AgentState, at: datetime) -> None:
    agent.heard_at = at
    state.timers.set(f"agent:{agent_id}", at + LOST_AFTER)


def _agent_disconnected(state: PoolState, event: e.AgentDisconnected) -> None:
    agent = state.agents[event.agent_id]
    agent.connected = False
    _place(state, event.agent_id, agent)


def _heartbeats_recorded(state: PoolState, event: e.HeartbeatsRecorded) -> None:
    assert event.at is not None
    for agent_id in event.agents:
        _heard(state, agent_id, state.agents[agent_id], event.at)


def _agent_draining(state: PoolState, event: e.AgentDraining) -> None:
    agent = state.agents[event.agent_id]
    _leave_class(state, event.agent_id, agent)
    agent.draining = True
    refresh_lanes(state)


def _agent_gone(state: PoolState, event: e.AgentGone) -> None:
    _leave_class(state, event.agent_id, state.agents.pop(event.agent_id))
    state.timers.clear(f"agent:{event.agent_id}")
    refresh_lanes(state)


def _pool_configured(state: PoolState, event: e.PoolConfigured) -> None:
    state.fallback = event.fallback
    state.evacuate_after_seconds = event.evacuate_after_seconds
    state.deserted = False
    state.timers.clear("evacuate:")


def _pool_deserted(state: PoolState, event: e.PoolDeserted) -> None:
    state.deserted = True
    state.timers.set("evacuate:", event.evacuate_at)


def _pool_evacuated(state: PoolState, event: e.PoolEvacuated) -> None:
    since = state.evacuation.at if state.evacuation else event.at
    state.evacuation = Evacuation(since, event.reason == "asked", event.by)
    state.timers.clear("evacuate:")
    refresh_lanes(state)


def _evacuation_progressed(state: PoolState, event: e.EvacuationProgressed) -> None:
    state.timers.set("move:", event.next_at)


def _pool_restored(state: PoolState, event: e.PoolRestored) -> None:
    state.evacuation = None
    state.deserted = False
    state.timers.clear("move:")
    refresh_lanes(state)


def _job_enqueued(state: PoolState, event: e.JobEnqueued) -> None:
    put(state, Waiting(event.entry, epoch=event.entry.epoch))


def _job_explained(state: PoolState, event: e.JobExplained) -> None:
    state.queue[event.attempt_key].explained = event.reason


def _job_left(state: PoolState, event: e.JobDequeued | e.JobMoved) -> None:
    take(state, event.attempt_key)
    state.timers.clear(f"retry:{event.attempt_key}")


def _lease_granted(state: PoolState, event: e.LeaseGranted) -> None:
    waiting = take(state, event.attempt_key)
    waiting.explained = ""
    state.leases[event.attempt_key] = LeaseState(waiting, event.epoch, event.agent_id)
    hold(state, waiting.entry.app, 1)
    agent = state.agents[event.agent_id]
    agent.leases.append(event.attempt_key)
    _place(state, event.agent_id, agent)
    state.timers.clear(f"retry:{event.attempt_key}")
    state.timers.set(f"lease:{event.attempt_key}", event.accept_by)


def _lease_accepted(state: PoolState, event: e.LeaseAccepted) -> None:
    state.leases[event.attempt_key].accepted = True
    state.timers.clear(f"lease:{event.attempt_key}")


def _lease_returned(state: PoolState, event: e.LeaseReturned) -> None:
    old = _end_lease(state, event.attempt_key).waiting
    refused = event.retry_at is not None
    waiting = Waiting(
        old.entry,
        epoch=event.epoch,
        avoid=sorted({*old.avoid, event.agent_id}) if refused else old.avoid,
        refusals=old.refusals + refused,
        retry_at=event.retry_at or old.retry_at,
        last_agent=event.agent_id if event.reason == "not-accepted" else "",
    )
    put(state, waiting)
    state.timers.set(f"retry:{event.attempt_key}", waiting.retry_at)


def _refusals_forgotten(state: PoolState, event: e.RefusalsForgotten) -> None:
    waiting = take(state, event.attempt_key)
    waiting.avoid = []
    waiting.retry_at = None
    put(state, waiting)
    state.timers.clear(f"retry:{event.attempt_key}")


def _lease_cancel_requested(state: PoolState, event: e.LeaseCancelRequested) -> None:
    lease = state.leases[event.attempt_key]
    lease.cancelling = True
    lease.grace_seconds = event.grace_seconds


def _lease_ended(state: PoolState, event: e.LeaseReleased | e.LeaseLost) -> None:
    _end_lease(state, event.attempt_key)


def _end_lease(state: PoolState, attempt_key: str) -> LeaseState:
    lease: LeaseState = state.leases.pop(attempt_key)
    state.timers.clear(f"lease:{attempt_key}")
    hold(state, lease.waiting.entry.app, -1)
    if lease.agent_id in state.agents:
        agent = state.agents[lease.agent_id]
        agent.leases.remove(attempt_key)
        _place(state, lease.agent_id, agent)
    return lease


def _nothing(state: PoolState, event: Any) -> None:
    """Refusals and repetitions are on record, and change nothing."""


_EVOLVE: dict[type[Any], Callable[[PoolState, Any], None]] = {
    e.AgentConnected: _agent_connected,
    e.AgentDisconnected: _agent_disconnected,
    e.HeartbeatsRecorded: _heartbeats_recorded,
    e.AgentDraining: _agent_draining,
    e.AgentGone: _agent_gone,
    e.PoolConfigured: _pool_configured,
    e.PoolDeserted: _pool_deserted,
    e.PoolEvacuated: _pool_evacuated,
    e.EvacuationProgressed: _evacuation_progressed,
    e.PoolRestored: _pool_restored,
    e.JobEnqueued: _job_enqueued,
    e.JobExplained: _job_explained,
    e.JobDequeued: _job_left,
    e.JobMoved: _job_left,
    e.LeaseGranted: _lease_granted,
    e.LeaseAccepted: _lease_accepted,
    e.LeaseReturned: _lease_returned,
    e.RefusalsForgotten: _refusals_forgotten,
    e.LeaseCancelRequested: _lease_cancel_requested,
    e.LeaseReleased: _lease_ended,
    e.LeaseLost: _lease_ended,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
