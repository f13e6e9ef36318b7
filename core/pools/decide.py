"""The AgentPool's decisions: what a command does, then who gets the slots that are free, then who is told why not.

| waiting for                          | at the longest | then                                                     |
|--------------------------------------|----------------|----------------------------------------------------------|
| an agent to accept an offer          | 10 s           | back into the queue; that agent is passed over for 10 s  |
| an agent that refused                | 30 s           | it is offered the attempt again                          |
| a sign of life of an agent           | 30 s           | it is lost, and its accepted leases with it              |
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from core.aggregate import Tick
from core.eventlog.serialization import Message
from core.pools import agents, leases
from core.pools import commands as c
from core.pools import events as e
from core.pools.draft import Draft
from core.pools.schedule import explain_all, schedule
from core.pools.state import PoolState


def decide(state: PoolState, command: Any, now: datetime) -> tuple[Message, ...]:
    """The events the command leads to. Raises Rejected."""
    draft = Draft(state, now)
    if isinstance(command, Tick):
        _expire(draft, state.timers.expired(now))
    else:
        _HANDLERS[type(command)](draft, command)
    if draft.events:
        schedule(draft)
        if draft.agents_changed:
            explain_all(draft)
    return tuple(draft.events)


def deadline(state: PoolState) -> datetime | None:
    return state.timers.first()


def finished(state: PoolState) -> bool:
    """A pool that nobody uses may leave memory."""
    return not (state.agents or state.queue or state.leases)


def _expire(draft: Draft, names: list[str]) -> None:
    for name in names:
        kind, _, subject = name.partition(":")
        if kind == "agent":
            agents.lose(draft, subject)
        elif kind == "accept":
            leases.miss(draft, subject)
        else:
            draft.tell(e.RefusalsForgotten(attempt_key=subject))


_HANDLERS: dict[type[Any], Callable[[Draft, Any], None]] = {
    c.ConnectAgent: agents.connect,
    c.DisconnectAgent: agents.disconnect,
    c.RecordHeartbeats: agents.record_heartbeats,
    c.DrainAgent: agents.drain,
    c.EnqueueJob: leases.enqueue,
    c.CancelJob: leases.cancel,
    c.AcceptLease: leases.accept,
    c.RefuseLease: leases.refuse,
    c.ReleaseLease: leases.release,
}
