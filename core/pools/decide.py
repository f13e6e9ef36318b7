"""The AgentPool's decisions.

| command          | does                                                             | repeated or too late      |
|------------------|------------------------------------------------------------------|---------------------------|
| ConnectAgent     | the agent is known; leases are reconciled; free slots are granted | same session: nothing     |
| DisconnectAgent  | no new leases; what it holds stays until it is lost              | older session: nothing    |
| RecordHeartbeats | on record every 10 s per agent                                   | nothing                   |
| DrainAgent       | no new leases; it leaves with its last one                       | nothing                   |
| EnqueueJob       | queued, granted if an agent is free                              | nothing                   |
| CancelJob        | out of the queue, or its agent is told to stop                   | nothing                   |
| AcceptLease      | the attempt starts                                               | nothing, or `stale-lease` |
| RefuseLease      | back into the queue, for other agents                            | `stale-lease`             |
| ReleaseLease     | the slot is free for the next                                    | nothing                   |
| ConfigurePool    | where its jobs go when it is evacuated                           | nothing                   |
| EvacuatePool     | no more leases; what waits moves on                              | nothing                   |
| RestorePool      | leases again; what moved and still waits is called back          | nothing                   |
| RecallJobs       | what came from that pool and still waits goes back               | nothing                   |

| waiting for                        | at the longest | then                                   |
|------------------------------------|----------------|----------------------------------------|
| an offer to be accepted            | 10 s           | it goes back, and elsewhere if it can  |
| a word from an agent               | 30 s           | the agent is gone, its leases are lost |
| agents that refused to be asked again | 60 s to 1 h | they are                               |
| an agent to come, with a fallback  | its setting    | the pool is evacuated                  |
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from core.aggregate import Tick
from core.eventlog.serialization import Message
from core.pools import agents, evacuation, leases
from core.pools import commands as c
from core.pools.draft import Draft
from core.pools.events import RefusalsForgotten
from core.pools.explaining import explain_lanes, explain_queued
from core.pools.scheduling import grant_all
from core.pools.state import PoolState


def decide(state: PoolState, command: Any, now: datetime) -> tuple[Message, ...]:
    """The events the command leads to. Raises Rejected."""
    draft = Draft(state, now)
    _HANDLERS[type(command)](draft, command)
    return tuple(draft.events)


def deadline(state: PoolState) -> datetime | None:
    return state.timers.first()


def finished(state: PoolState) -> bool:
    return not (state.agents or state.queue or state.leases or state.fallback or state.evacuation)


def _expire(draft: Draft, command: Tick) -> None:
    for name in draft.before.timers.expired(draft.now):
        kind, _, subject = name.partition(":")
        if kind == "agent":
            agents.lose_agent(draft, subject)
        elif kind == "lease" and subject in draft.state.leases:
            leases.lapse_offer(draft, subject)
        elif kind == "retry":
            draft.tell(RefusalsForgotten(attempt_key=subject))
        elif kind == "evacuate":
            evacuation.evacuate_deserted(draft)
        elif kind == "move":
            evacuation.go_on(draft)
    _settle(draft)


def _settle(draft: Draft) -> None:
    """Whatever became possible is granted, and whatever is in the way is told."""
    if draft.events:
        agents.leave_drained(draft)
        evacuation.follow_agents(draft)
        evacuation.move_waiting(draft)
        explain_lanes(draft)
        grant_all(draft)
        explain_queued(draft)


def _then_settle(handler: Callable[[Draft, Any], None]) -> Callable[[Draft, Any], None]:
    def handle(draft: Draft, command: Any) -> None:
        handler(draft, command)
        _settle(draft)

    return handle


_HANDLERS: dict[type[Any], Callable[[Draft, Any], None]] = {
    Tick: _expire,
    c.ConnectAgent: _then_settle(agents.connect_agent),
    c.DisconnectAgent: agents.disconnect_agent,
    c.RecordHeartbeats: agents.record_heartbeats,
    c.DrainAgent: _then_settle(agents.drain_agent),
    c.EnqueueJob: _then_settle(leases.enqueue_job),
    c.CancelJob: leases.cancel_job,
    c.AcceptLease: leases.accept_lease,
    c.RefuseLease: _then_settle(leases.refuse_lease),
    c.ReleaseLease: _then_settle(leases.release_lease),
    c.ConfigurePool: _then_settle(evacuation.configure_pool),
    c.EvacuatePool: _then_settle(evacuation.evacuate_pool),
    c.RestorePool: _then_settle(evacuation.restore_pool),
    c.RecallJobs: _then_settle(evacuation.recall_jobs),
}
