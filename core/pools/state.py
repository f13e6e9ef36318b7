"""What an AgentPool remembers. Indexed so that no command looks at all of the queue or all of the agents.

The queue is split into lanes: entries that the same agents can take (equal labels, refused by the same agents).
A lane holds buckets (one app, one priority), each in the order of age. Agents with equal labels form a class.
"""

from copy import copy
from datetime import datetime

import msgspec

from core.draft import Overlay
from core.ordered import IdleTimers, Ordered, Timers
from core.pools.entries import QueueEntry

# What the scheduler goes by: minus the priority, leases the app holds, age of the oldest entry, the bucket.
Head = tuple[int, int, datetime, str]


class AgentState(msgspec.Struct, omit_defaults=True):
    """A known agent. `load` is its place among the free agents of its class; -1 when it takes no leases now."""

    session: str
    slots: int
    agent_class: str
    heard_at: datetime
    isolation: str = ""
    version: str = ""
    connected: bool = True
    draining: bool = False
    leases: list[str] = []
    load: int = -1

    def draft(self) -> "AgentState":
        agent = copy(self)
        agent.leases = self.leases.copy()
        return agent


class AgentClass(msgspec.Struct, omit_defaults=True):
    """Agents with these labels. `members` counts those that don't leave; `free` has (load, agent id)."""

    labels: list[str]
    members: int = 0
    free: Ordered[tuple[int, str]] = msgspec.field(default_factory=Ordered)

    def draft(self) -> "AgentClass":
        other = copy(self)
        other.free = self.free.draft()
        return other


class Waiting(msgspec.Struct, omit_defaults=True):
    """A queued attempt. `epoch` is that of its last offer; `avoid` are the agents that refused it, until `retry_at`."""

    entry: QueueEntry
    epoch: int = 0
    avoid: list[str] = []
    refusals: int = 0
    retry_at: datetime | None = None
    last_agent: str = ""
    explained: str = ""

    def draft(self) -> "Waiting":
        return copy(self)


class LeaseState(msgspec.Struct, omit_defaults=True):
    """An attempt that is offered to an agent, or `accepted` by it. `waiting` is what it goes back to."""

    waiting: Waiting
    epoch: int
    agent_id: str
    accepted: bool = False
    cancelling: bool = False
    grace_seconds: int = 0

    def draft(self) -> "LeaseState":
        return copy(self)


class Bucket(msgspec.Struct, omit_defaults=True):
    """Entries of one app and priority in a lane, oldest first. `head` is how the lane lists it."""

    app: str
    priority: int
    entries: Ordered[tuple[datetime, str]] = msgspec.field(default_factory=Ordered)
    head: Head | None = None

    def draft(self) -> "Bucket":
        bucket = copy(self)
        bucket.entries = self.entries.draft()
        return bucket


class Lane(msgspec.Struct, omit_defaults=True):
    """Entries that the agents of `classes`, except `avoid`, can take. `reason` says why none can."""

    labels: list[str]
    avoid: list[str] = []
    classes: list[str] = []
    reason: str = ""
    buckets: dict[str, Bucket] = {}
    heads: Ordered[Head] = msgspec.field(default_factory=Ordered)

    def draft(self) -> "Lane":
        lane = copy(self)
        lane.classes = self.classes.copy()
        lane.buckets = Overlay(self.buckets)
        lane.heads = self.heads.draft()
        return lane


class AppShare(msgspec.Struct, omit_defaults=True):
    """How many leases an app holds, and where (lane, bucket) it waits for more."""

    held: int = 0
    buckets: list[tuple[str, str]] = []

    def draft(self) -> "AppShare":
        share = copy(self)
        share.buckets = self.buckets.copy()
        return share


class Evacuation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why and since when the pool gives its waiting jobs away. `asked`: only who asked for it ends it."""

    at: datetime
    asked: bool = False
    by: str = ""


class PoolState(msgspec.Struct, omit_defaults=True):
    """One pool: `id` is `<region>/<name>`. Queue and leases are by attempt key, apps by name.

    `deserted`: no agent is left that takes jobs, and that is on record.
    """

    id: str
    agents: dict[str, AgentState] = {}
    classes: dict[str, AgentClass] = {}
    queue: dict[str, Waiting] = {}
    lanes: dict[str, Lane] = {}
    leases: dict[str, LeaseState] = {}
    apps: dict[str, AppShare] = {}
    timers: Timers = msgspec.field(default_factory=Timers)
    fallback: tuple[str, ...] = ()
    evacuate_after_seconds: int = 0
    deserted: bool = False
    evacuation: Evacuation | None = None

    def draft(self) -> "PoolState":
        state = copy(self)
        state.agents = Overlay(self.agents)
        state.classes = Overlay(self.classes)
        state.queue = Overlay(self.queue)
        state.lanes = Overlay(self.lanes)
        state.leases = Overlay(self.leases)
        state.apps = Overlay(self.apps)
        state.timers = IdleTimers()
        return state


def initial(identity: str) -> PoolState:
    return PoolState(id=identity)
