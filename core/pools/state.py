"""What an AgentPool remembers: its agents, its queue in lanes, its leases, and what is due when.

A lane holds the waiting attempts of one app that ask for the same labels, so that a grant looks at the heads of
lanes only, however long the queue is.
"""

from copy import copy
from datetime import datetime

import msgspec

from core.draft import Overlay
from core.ordered import IdleTimers, Ordered, Timers
from core.pools.entries import QueueEntry

Place = tuple[int, datetime, str]


class Agent(msgspec.Struct, omit_defaults=True):
    """`leases` are attempt keys, offered or accepted. `free` counts its free slots, as indexed."""

    session: str
    slots: int
    labels: tuple[str, ...] = ()
    seen_at: datetime | None = None
    connected: bool = True
    draining: bool = False
    leases: list[str] = []
    free: int = 0

    def draft(self) -> "Agent":
        agent = copy(self)
        agent.leases = self.leases.copy()
        return agent


class Waiting(msgspec.Struct, omit_defaults=True):
    """A queued attempt; `refused_by` are agents it is not offered to for now; `reason` is what was explained last."""

    entry: QueueEntry
    refused_by: tuple[str, ...] = ()
    reason: str = ""

    def draft(self) -> "Waiting":
        return copy(self)


class Lease(msgspec.Struct, omit_defaults=True):
    """An attempt with an agent: offered until it is `accepted`; with `cancel_grace_seconds` set it must stop."""

    entry: QueueEntry
    epoch: int
    agent_id: str
    accepted: bool = False
    refused_by: tuple[str, ...] = ()
    cancel_grace_seconds: int | None = None

    def draft(self) -> "Lease":
        return copy(self)


class Lane(msgspec.Struct, omit_defaults=True):
    """Waiting attempts of one app with equal labels: (-priority, queued at, attempt key), first to go first."""

    app: str
    labels: tuple[str, ...] = ()
    places: Ordered[Place] = msgspec.field(default_factory=Ordered)

    def draft(self) -> "Lane":
        return Lane(self.app, self.labels, self.places.draft())


class Share(msgspec.Struct):
    """How many leases an app holds in this pool."""

    leases: int = 0

    def draft(self) -> "Share":
        return copy(self)


class PoolState(msgspec.Struct, omit_defaults=True):
    """`id` is `<region>/<pool>`; `epoch` the number of grants so far; `free` are (-free slots, agent id)."""

    id: str
    epoch: int = 0
    agents: dict[str, Agent] = {}
    queue: dict[str, Waiting] = {}
    leases: dict[str, Lease] = {}
    lanes: dict[str, Lane] = {}
    shares: dict[str, Share] = {}
    free: Ordered[tuple[int, str]] = msgspec.field(default_factory=Ordered)
    timers: Timers = msgspec.field(default_factory=Timers)

    @property
    def region(self) -> str:
        return self.id.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    def draft(self) -> "PoolState":
        return PoolState(
            id=self.id,
            epoch=self.epoch,
            agents=Overlay(self.agents),
            queue=Overlay(self.queue),
            leases=Overlay(self.leases),
            lanes=Overlay(self.lanes),
            shares=Overlay(self.shares),
            free=self.free.draft(),
            timers=IdleTimers(),
        )


def lane_key(entry: QueueEntry) -> str:
    return "\x1f".join((entry.app, *entry.labels))


def place_of(entry: QueueEntry) -> Place:
    return -entry.priority, entry.queued_at, entry.attempt_key
