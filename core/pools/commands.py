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


class ConfigurePool(Message, frozen=True, kw_only=True):
    """Set the pool's fallback pools (`<region>/<pool>`) and how long it may be without agents before it uses them."""

    TYPE = "pool.configure"
    fallback: tuple[str, ...]
    evacuate_after_seconds: int = 30


class EvacuatePool(Message, frozen=True, kw_only=True):
    """No new leases; waiting jobs move to the fallback pools. Running jobs are left alone."""

    TYPE = "pool.evacuate"
    by: str


class RestorePool(Message, frozen=True, kw_only=True):
    """The end of an evacuation."""

    TYPE = "pool.restore"
    by: str


class RecallJobs(Message, frozen=True, kw_only=True):
    """Pool `pool` works again: what came from there and still waits goes back."""

    TYPE = "pool.recall"
    pool: str


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
        ConfigurePool,
        EvacuatePool,
        RestorePool,
        RecallJobs,
        EnqueueJob,
        CancelJob,
        AcceptLease,
        RefuseLease,
        ReleaseLease,
    )
)
