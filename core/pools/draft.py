"""A decision on an AgentPool in the making."""

from datetime import datetime

from core.eventlog.serialization import Message
from core.pools.evolve import evolve
from core.pools.state import PoolState


class Draft:
    """`state` shows the events told so far; `before`, the pool itself, does not (see core/draft.py)."""

    __slots__ = ("before", "events", "now", "state")

    def __init__(self, state: PoolState, now: datetime) -> None:
        self.before = state
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)

    def conclude(self, event: Message) -> None:
        """Tell the only or last event: nothing in this decision looks at the state any more."""
        self.events.append(event)
