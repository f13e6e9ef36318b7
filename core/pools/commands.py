"""What can be asked of an AgentPool (`pool/<region>/<name>`): its queue, its agents, its leases."""

from core.aggregate import Tick
from core.eventlog.serialization import Catalogue, Message
from core.pools.entries import HeldLease, QueueEntry


class ConnectAgent(Message, frozen=True, kw_only=True):
    """An agent said hello. `session` is new with each connection; `held` are the leases it still works on."""

    TYPE = "agent.connect"
    agent_id: str
    session: str
    slots: int
    labels: tuple[str, ...] = ()
    isolation: str = ""
    version: str = ""
    held: tuple[HeldLease, ...] = ()


class DisconnectAgent(Message, frozen=True, kw_only=True):
    """The connection of `session` is gone. The agent keeps its leases until it is lost."""

    TYPE = "agent.disconnect"
    agent_id: str
    session: str


class RecordHeartbeats(Message, frozen=True, kw_only=True):
    """The agents one gateway has heard of since its last report."""

    TYPE = "agent.record_heartbeats"
    agents: tuple[str, ...]


class DrainAgent(Message, frozen=True, kw_only=True):
    """No new leases for this agent; it leaves when its last lease ends."""

    TYPE = "agent.drain"
    agent_id: str


class EnqueueJob(Message, frozen=True, kw_only=True):
    """An attempt wants a lease. Repeating it changes nothing."""

    TYPE = "queue.add"
    entry: QueueEntry


class CancelJob(Message, frozen=True, kw_only=True):
    """The attempt must stop: leave the queue, or be cancelled on its agent."""

    TYPE = "queue.cancel"
    attempt_key: str
    grace_seconds: int = 10


class AcceptLease(Message, frozen=True, kw_only=True):
    """The agent takes the offer. Refused with `stale-lease` where epoch or agent are no longer right."""

    TYPE = "lease.accept"
    attempt_key: str
    epoch: int
    agent_id: str


class RefuseLease(Message, frozen=True, kw_only=True):
    """The agent can't take the offer now (`reason`): the attempt goes back into the queue."""

    TYPE = "lease.refuse"
    attempt_key: str
    epoch: int
    agent_id: str
    reason: str


class ReleaseLease(Message, frozen=True, kw_only=True):
    """The attempt ended; its slot is free."""

    TYPE = "lease.release"
    attempt_key: str


COMMANDS = Catalogue(
    (
        Tick,
        ConnectAgent,
        DisconnectAgent,
        RecordHeartbeats,
        DrainAgent,
        EnqueueJob,
        CancelJob,
        AcceptLease,
        RefuseLease,
        ReleaseLease,
    )
)
