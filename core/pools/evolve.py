"""How each event changes an AgentPool. Total, and in place: a fact that is in the log is not questioned."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from core.aggregate import CommandIgnored, CommandRejected
from core.pools import events as e
from core.pools.entries import QueueEntry
from core.pools.state import Agent, Lane, Lease, PoolState, Share, Waiting, lane_key, place_of

LOST_AFTER: Final = timedelta(seconds=30)


def evolve(state: PoolState, event: Any) -> PoolState:
    _EVOLVE[type(event)](state, event)
    return state


def _connected(state: PoolState, event: e.AgentConnected) -> None:
    known = state.agents.get(event.agent_id)
    agent = Agent(event.session, event.slots, event.labels, event.at, draining=event.draining)
    if known is not None:
        agent.leases, agent.free = known.leases, known.free
    state.agents[event.agent_id] = agent
    state.timers.set(f"agent:{event.agent_id}", event.at + LOST_AFTER if event.at else None)
    _index(state, event.agent_id)


def _disconnected(state: PoolState, event: e.AgentDisconnected) -> None:
    if event.agent_id in state.agents:
        state.agents[event.agent_id].connected = False
        _index(state, event.agent_id)


def _heartbeats(state: PoolState, event: e.HeartbeatsRecorded) -> None:
    for agent_id in event.agents:
        if agent_id in state.agents and event.at is not None:
            state.agents[agent_id].seen_at = event.at
            state.timers.set(f"agent:{agent_id}", event.at + LOST_AFTER)


def _draining(state: PoolState, event: e.AgentDraining) -> None:
    if event.agent_id in state.agents:
        state.agents[event.agent_id].draining = True
        _index(state, event.agent_id)


def _gone(state: PoolState, event: e.AgentGone) -> None:
    agent = state.agents.pop(event.agent_id, None)
    if agent is not None and agent.free:
        state.free.remove((-agent.free, event.agent_id))
    state.timers.clear(f"agent:{event.agent_id}")


def _added(state: PoolState, event: e.JobEnqueued) -> None:
    _enqueue(state, Waiting(event.entry))


def _explained(state: PoolState, event: e.JobExplained) -> None:
    if event.attempt_key in state.queue:
        state.queue[event.attempt_key].reason = event.reason


def _removed(state: PoolState, event: e.JobDequeued) -> None:
    _dequeue(state, event.attempt_key)


def _granted(state: PoolState, event: e.LeaseGranted) -> None:
    waiting = _dequeue(state, event.attempt_key)
    refused_by = waiting.refused_by if waiting else ()
    state.epoch = max(state.epoch, event.epoch)
    state.leases[event.attempt_key] = Lease(event.entry, event.epoch, event.agent_id, refused_by=refused_by)
    state.timers.set(f"accept:{event.attempt_key}", event.accept_by)
    _share(state, event.entry).leases += 1
    if event.agent_id in state.agents:
        state.agents[event.agent_id].leases.append(event.attempt_key)
        _index(state, event.agent_id)


def _accepted(state: PoolState, event: e.LeaseAccepted) -> None:
    if event.attempt_key in state.leases:
        state.leases[event.attempt_key].accepted = True
    state.timers.clear(f"accept:{event.attempt_key}")


def _returned(state: PoolState, event: e.LeaseReturned) -> None:
    lease = _end_lease(state, event.attempt_key)
    if lease is None:
        return
    refused_by = lease.refused_by
    if event.retry_at is not None:
        refused_by = (*refused_by, event.agent_id)
        state.timers.set(f"retry:{event.attempt_key}", event.retry_at)
    _enqueue(state, Waiting(lease.entry, refused_by))


def _cancel_requested(state: PoolState, event: e.LeaseCancelRequested) -> None:
    if event.attempt_key in state.leases:
        state.leases[event.attempt_key].cancel_grace_seconds = event.grace_seconds


def _ended(state: PoolState, event: e.LeaseReleased | e.LeaseLost) -> None:
    _end_lease(state, event.attempt_key)


def _forgotten(state: PoolState, event: e.RefusalsForgotten) -> None:
    state.timers.clear(f"retry:{event.attempt_key}")
    for found in (state.queue.get(event.attempt_key), state.leases.get(event.attempt_key)):
        if found is not None:
            found.refused_by = ()


def _nothing(state: PoolState, event: Any) -> None:
    """Changes nothing here: somebody else acts on it."""


def _enqueue(state: PoolState, waiting: Waiting) -> None:
    entry = waiting.entry
    state.queue[entry.attempt_key] = waiting
    key = lane_key(entry)
    if key not in state.lanes:
        state.lanes[key] = Lane(entry.app, entry.labels)
    state.lanes[key].places.add(place_of(entry))


def _dequeue(state: PoolState, attempt_key: str) -> Waiting | None:
    waiting: Waiting | None = state.queue.pop(attempt_key, None)
    if waiting is None:
        return None
    key = lane_key(waiting.entry)
    lane = state.lanes[key]
    lane.places.remove(place_of(waiting.entry))
    if lane.places.first() is None:
        del state.lanes[key]
    state.timers.clear(f"retry:{attempt_key}")
    return waiting


def _end_lease(state: PoolState, attempt_key: str) -> Lease | None:
    lease: Lease | None = state.leases.pop(attempt_key, None)
    state.timers.clear(f"accept:{attempt_key}")
    if lease is None:
        return None
    share = _share(state, lease.entry)
    share.leases -= 1
    if share.leases <= 0:
        del state.shares[lease.entry.app]
    if lease.agent_id in state.agents and attempt_key in state.agents[lease.agent_id].leases:
        state.agents[lease.agent_id].leases.remove(attempt_key)
        _index(state, lease.agent_id)
    return lease


def _share(state: PoolState, entry: QueueEntry) -> Share:
    if entry.app not in state.shares:
        state.shares[entry.app] = Share()
    return state.shares[entry.app]


def _index(state: PoolState, agent_id: str) -> None:
    """Put the agent where it belongs among the free ones."""
    agent = state.agents[agent_id]
    if agent.free:
        state.free.remove((-agent.free, agent_id))
    agent.free = max(0, agent.slots - len(agent.leases)) if agent.connected and not agent.draining else 0
    if agent.free:
        state.free.add((-agent.free, agent_id))


_EVOLVE: dict[type[Any], Callable[[PoolState, Any], None]] = {
    e.AgentConnected: _connected,
    e.AgentDisconnected: _disconnected,
    e.HeartbeatsRecorded: _heartbeats,
    e.AgentDraining: _draining,
    e.AgentGone: _gone,
    e.JobEnqueued: _added,
    e.JobExplained: _explained,
    e.JobDequeued: _removed,
    e.LeaseGranted: _granted,
    e.LeaseAccepted: _accepted,
    e.LeaseReturned: _returned,
    e.LeaseCancelRequested: _cancel_requested,
    e.LeaseReleased: _ended,
    e.LeaseLost: _ended,
    e.RefusalsForgotten: _forgotten,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
