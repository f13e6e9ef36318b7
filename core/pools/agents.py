"""Agents come, go, beat and drain; what becomes of their leases then."""

from datetime import timedelta
from typing import Final, Literal

from core.aggregate import Rejected
from core.pools import commands as c
from core.pools import events as e
from core.pools.draft import Draft
from core.pools.entries import HeldLease
from core.pools.state import PoolState

RECORD_EVERY: Final = timedelta(seconds=10)


def connect(draft: Draft, command: c.ConnectAgent) -> None:
    state = draft.state
    known = state.agents.get(command.agent_id)
    if known is not None and known.session == command.session and known.connected:
        return
    held = {each.attempt_key for each in command.held if _holds(state, command.agent_id, each)}
    draft.tell(
        e.AgentConnected(
            agent_id=command.agent_id,
            session=command.session,
            slots=command.slots,
            labels=command.labels,
            isolation=command.isolation,
            version=command.version,
            revoked=tuple(each.attempt_key for each in command.held if each.attempt_key not in held),
            at=draft.now,
            draining=known.draining if known is not None else False,
        )
    )
    draft.agents_changed = True
    if known is not None:
        give_up(draft, command.agent_id, "agent-restarted", keep=held)
        _repeat_cancels(draft, held)


def _repeat_cancels(draft: Draft, held: set[str]) -> None:
    """The agent may have been away when it was told to stop."""
    for attempt_key in sorted(held):
        lease = draft.state.leases[attempt_key]
        if lease.cancel_grace_seconds is not None:
            draft.tell(
                e.LeaseCancelRequested(
                    attempt_key=attempt_key,
                    epoch=lease.epoch,
                    agent_id=lease.agent_id,
                    grace_seconds=lease.cancel_grace_seconds,
                )
            )


def _holds(state: PoolState, agent_id: str, held: HeldLease) -> bool:
    lease = state.leases.get(held.attempt_key)
    return lease is not None and lease.agent_id == agent_id and lease.epoch == held.epoch


def disconnect(draft: Draft, command: c.DisconnectAgent) -> None:
    agent = draft.state.agents.get(command.agent_id)
    if agent is not None and agent.session == command.session and agent.connected:
        draft.tell(e.AgentDisconnected(agent_id=command.agent_id, session=command.session))


def record_heartbeats(draft: Draft, command: c.RecordHeartbeats) -> None:
    due = []
    for agent_id in dict.fromkeys(command.agents):
        agent = draft.state.agents.get(agent_id)
        if agent is not None and (agent.seen_at is None or draft.now - agent.seen_at >= RECORD_EVERY):
            due.append(agent_id)
    if due:
        draft.tell(e.HeartbeatsRecorded(agents=tuple(due), at=draft.now))


def drain(draft: Draft, command: c.DrainAgent) -> None:
    agent = draft.state.agents.get(command.agent_id)
    if agent is None:
        raise Rejected("agent-unknown", f"pool {draft.state.id} has no agent '{command.agent_id}'")
    if not agent.draining:
        draft.tell(e.AgentDraining(agent_id=command.agent_id))
        draft.agents_changed = True
    leave_if_done(draft, command.agent_id)


def leave_if_done(draft: Draft, agent_id: str) -> None:
    """A draining agent leaves with its last lease."""
    agent = draft.state.agents.get(agent_id)
    if agent is not None and agent.draining and not agent.leases:
        draft.tell(e.AgentGone(agent_id=agent_id, reason="left"))
        draft.agents_changed = True


def lose(draft: Draft, agent_id: str) -> None:
    """Not heard of for 30 s."""
    if agent_id in draft.state.agents:
        give_up(draft, agent_id, "agent-lost", keep=set())
        draft.tell(e.AgentGone(agent_id=agent_id, reason="lost"))
        draft.agents_changed = True


def give_up(draft: Draft, agent_id: str, reason: Literal["agent-lost", "agent-restarted"], keep: set[str]) -> None:
    """Work that was begun is lost, an offer that was not taken goes back into the queue."""
    for attempt_key in list(draft.state.agents[agent_id].leases):
        lease = draft.state.leases[attempt_key]
        if attempt_key in keep:
            continue
        kind = e.LeaseLost if lease.accepted else e.LeaseReturned
        draft.tell(kind(attempt_key=attempt_key, epoch=lease.epoch, agent_id=agent_id, reason=reason))
