"""Agents come, are heard of, and go."""

from datetime import timedelta
from typing import Final

from core.aggregate import Rejected
from core.pools import commands as c
from core.pools import events as e
from core.pools.draft import Draft
from core.pools.leases import cancel_lease, give_back
from core.pools.state import AgentState, LeaseState

HEARTBEATS_EVERY: Final = timedelta(seconds=10)
MAX_SLOTS: Final = 1000
MAX_LABELS: Final = 100


def connect_agent(draft: Draft, command: c.ConnectAgent) -> None:
    """The agent's word on what it works on is set against ours; whatever differs ends on one side."""
    _check(command)
    known: AgentState | None = draft.state.agents.get(command.agent_id)
    if known is not None and known.connected and known.session == command.session:
        return
    held = {lease.attempt_key: lease.epoch for lease in command.held}
    kept = {key for key, epoch in held.items() if _is_held(draft, command.agent_id, key, epoch)}
    draft.tell(
        e.AgentConnected(
            agent_id=command.agent_id,
            session=command.session,
            slots=command.slots,
            labels=command.labels,
            isolation=command.isolation,
            version=command.version,
            revoked=tuple(key for key in held if key not in kept),
            at=draft.now,
            # A process that was asked to leave and still works goes on leaving; a new one of that name does not.
            draining=known is not None and known.draining and bool(kept),
        )
    )
    for key in known.leases.copy() if known else ():
        _reconcile(draft, key, draft.state.leases[key], key in kept)


def _is_held(draft: Draft, agent_id: str, key: str, epoch: int) -> bool:
    if key not in draft.state.leases:
        return False
    lease = draft.state.leases[key]
    return (lease.agent_id, lease.epoch) == (agent_id, epoch) and (lease.accepted or not lease.cancelling)


def _reconcile(draft: Draft, key: str, lease: LeaseState, kept: bool) -> None:
    if kept and lease.cancelling:
        # The request may have gone down with the old connection.
        draft.tell(cancel_lease(key, lease, lease.grace_seconds))
    elif kept and not lease.accepted:
        draft.tell(e.LeaseAccepted(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id))
    elif not kept and lease.accepted:
        draft.tell(e.LeaseLost(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id, reason="agent-restarted"))
    elif not kept:
        give_back(draft, key, "agent-reconnected")


def _check(command: c.ConnectAgent) -> None:
    if not command.agent_id or not command.session:
        raise Rejected("agent-invalid", "an agent names itself and its session")
    if not 1 <= command.slots <= MAX_SLOTS:
        detail = f"agent {command.agent_id} offers {command.slots} slots; 1 to {MAX_SLOTS} are possible"
        raise Rejected("slots-invalid", detail)
    if len(command.labels) > MAX_LABELS or not all(map(_is_label, command.labels)):
        detail = f"agent {command.agent_id}: a label is 1 to 100 printable characters; at most {MAX_LABELS} of them"
        raise Rejected("labels-invalid", detail)


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 100 and label.isprintable() and label.strip() == label


def disconnect_agent(draft: Draft, command: c.DisconnectAgent) -> None:
    agent = draft.before.agents.get(command.agent_id)
    if agent is not None and agent.connected and agent.session == command.session:
        draft.conclude(e.AgentDisconnected(agent_id=command.agent_id, session=command.session))


def record_heartbeats(draft: Draft, command: c.RecordHeartbeats) -> None:
    """A heartbeat is on record when the last one on record is old enough; a broken connection sends none."""
    stale_since = draft.now - HEARTBEATS_EVERY
    agents = draft.before.agents
    heard = dict.fromkeys(
        key for key in command.agents if key in agents and agents[key].connected and agents[key].heard_at <= stale_since
    )
    if heard:
        draft.conclude(e.HeartbeatsRecorded(agents=tuple(heard), at=draft.now))


def drain_agent(draft: Draft, command: c.DrainAgent) -> None:
    agent = draft.state.agents.get(command.agent_id)
    if agent is None:
        raise Rejected("agent-unknown", f"pool {draft.state.id} knows no agent '{command.agent_id}'")
    if agent.draining:
        return
    draft.tell(e.AgentDraining(agent_id=command.agent_id))
    for key in agent.leases.copy():
        if not draft.state.leases[key].accepted:
            give_back(draft, key, "agent-draining")


def lose_agent(draft: Draft, agent_id: str) -> None:
    """It was not heard of for too long: what it had accepted is lost, what it was only offered goes to others."""
    leases = draft.state.agents[agent_id].leases.copy()
    draft.tell(e.AgentGone(agent_id=agent_id, reason="lost"))
    for key in leases:
        lease = draft.state.leases[key]
        if lease.accepted:
            draft.tell(e.LeaseLost(attempt_key=key, epoch=lease.epoch, agent_id=agent_id, reason="agent-lost"))
        else:
            give_back(draft, key, "agent-lost")


def leave_drained(draft: Draft) -> None:
    """An agent that was leaving and has given up its last lease is gone."""
    concerned = {getattr(event, "agent_id", "") for event in draft.events}
    for agent_id in sorted(agent_id for agent_id in concerned if agent_id in draft.state.agents):
        agent = draft.state.agents[agent_id]
        if agent.draining and not agent.leases:
            draft.tell(e.AgentGone(agent_id=agent_id, reason="left"))
