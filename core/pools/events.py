"""What happened in an AgentPool."""

from datetime import datetime
from typing import Literal

from core.aggregate import SHELL_EVENTS
from core.eventlog.serialization import Catalogue, Message
from core.pools.entries import QueueEntry

MoveReason = Literal["evacuated", "restored"]


class AgentConnected(Message, frozen=True, kw_only=True):
    """The agent is here (again). `revoked` are attempts it held that it must abandon now.

    `draining`: it goes on leaving, as it did before its connection broke.
    """

    TYPE = "agent.connected"
    agent_id: str
    session: str
    slots: int
    labels: tuple[str, ...] = ()
    isolation: str = ""
    version: str = ""
    revoked: tuple[str, ...] = ()
    at: datetime | None = None
    draining: bool = False


class AgentDisconnected(Message, frozen=True, kw_only=True):
    TYPE = "agent.disconnected"
    agent_id: str
    session: str


class HeartbeatsRecorded(Message, frozen=True, kw_only=True):
    """These agents were alive at `at`. Written at most every 10 s per agent."""

    TYPE = "agent.heartbeats_recorded"
    agents: tuple[str, ...]
    at: datetime | None = None


class AgentDraining(Message, frozen=True, kw_only=True):
    TYPE = "agent.draining"
    agent_id: str


class AgentGone(Message, frozen=True, kw_only=True):
    """lost: not heard of for 30 s; left: drained and done."""

    TYPE = "agent.gone"
    agent_id: str
    reason: Literal["lost", "left"]


class PoolConfigured(Message, frozen=True, kw_only=True):
    """Where waiting jobs go when the pool is evacuated (`<region>/<pool>`, the first choice first; none: they wait).

    The pool is evacuated by itself when it had no agent for `evacuate_after_seconds`.
    """

    TYPE = "pool.configured"
    fallback: tuple[str, ...]
    evacuate_after_seconds: int


class PoolDeserted(Message, frozen=True, kw_only=True):
    """No agent is left that takes jobs. The pool is evacuated at `evacuate_at`, unless one comes before."""

    TYPE = "pool.deserted"
    evacuate_at: datetime


class PoolEvacuated(Message, frozen=True, kw_only=True):
    """The pool grants no leases until it is restored; running jobs go on, waiting ones move to its fallback pools.

    no-agents: by itself, and restored by the first agent that comes; asked: somebody (`by`) wanted it, and ends it.
    """

    TYPE = "pool.evacuated"
    reason: Literal["no-agents", "asked"]
    at: datetime
    by: str = ""


class EvacuationProgressed(Message, frozen=True, kw_only=True):
    """Many jobs move in several decisions: the next is due at `next_at`; without one, all that can have moved."""

    TYPE = "pool.evacuation_progressed"
    next_at: datetime | None = None


class PoolRestored(Message, frozen=True, kw_only=True):
    """The pool works again. Jobs that went to its `fallback` pools and still wait there are called back."""

    TYPE = "pool.restored"
    reason: Literal["agents-connected", "asked"]
    by: str = ""
    fallback: tuple[str, ...] = ()


class JobMoved(Message, frozen=True, kw_only=True):
    """The waiting attempt left this queue for that of pool `to`, as `entry`."""

    TYPE = "queue.job_moved"
    attempt_key: str
    to: str
    entry: QueueEntry
    reason: MoveReason


class JobEnqueued(Message, frozen=True, kw_only=True):
    TYPE = "queue.job_added"
    entry: QueueEntry


class JobExplained(Message, frozen=True, kw_only=True):
    """Why the attempt waits ("no agent with label gpu in eu-west"); an empty reason takes it back."""

    TYPE = "queue.job_explained"
    attempt_key: str
    reason: str


class JobDequeued(Message, frozen=True, kw_only=True):
    """The attempt left the queue without a lease: it was cancelled."""

    TYPE = "queue.job_removed"
    attempt_key: str


class LeaseGranted(Message, frozen=True, kw_only=True):
    """The attempt is offered to the agent, which must accept until `accept_by`. `epoch` grows with each offer."""

    TYPE = "lease.granted"
    attempt_key: str
    epoch: int
    agent_id: str
    accept_by: datetime
    entry: QueueEntry


class LeaseAccepted(Message, frozen=True, kw_only=True):
    TYPE = "lease.accepted"
    attempt_key: str
    epoch: int
    agent_id: str


class LeaseReturned(Message, frozen=True, kw_only=True):
    """An offer came to nothing (not accepted in time, refused, agent gone): the attempt is queued again.

    `retry_at`: the agent refused, and is not offered this attempt again before then.
    """

    TYPE = "lease.returned"
    attempt_key: str
    epoch: int
    agent_id: str
    reason: str
    retry_at: datetime | None = None


class RefusalsForgotten(Message, frozen=True, kw_only=True):
    """The attempt may be offered again to the agents that refused it."""

    TYPE = "queue.refusals_forgotten"
    attempt_key: str


class LeaseCancelRequested(Message, frozen=True, kw_only=True):
    """The agent must stop the attempt."""

    TYPE = "lease.cancel_requested"
    attempt_key: str
    epoch: int
    agent_id: str
    grace_seconds: int


class LeaseReleased(Message, frozen=True, kw_only=True):
    TYPE = "lease.released"
    attempt_key: str
    epoch: int
    agent_id: str


class LeaseLost(Message, frozen=True, kw_only=True):
    """An accepted lease ended without a result. `reason`: agent-lost | agent-restarted | agent-left."""

    TYPE = "lease.lost"
    attempt_key: str
    epoch: int
    agent_id: str
    reason: str


EVENTS = Catalogue(
    (
        AgentConnected,
        AgentDisconnected,
        HeartbeatsRecorded,
        AgentDraining,
        AgentGone,
        PoolConfigured,
        PoolDeserted,
        PoolEvacuated,
        EvacuationProgressed,
        PoolRestored,
        JobMoved,
        JobEnqueued,
        JobExplained,
        JobDequeued,
        LeaseGranted,
        LeaseAccepted,
        LeaseReturned,
        RefusalsForgotten,
        LeaseCancelRequested,
        LeaseReleased,
        LeaseLost,
        *SHELL_EVENTS,
    )
)
