"""A decision on an AgentPool in the making: `state` already shows the events told so far (see core/draft.py)."""

from datetime import datetime

from core.eventlog.serialization import Message
from core.pools.evolve import evolve
from core.pools.state import PoolState


class Draft:
    """`agents_changed`: who is there changed, so that waiting attempts must be explained anew."""

    __slots__ = ("agents_changed", "events", "now", "state")

    def __init__(self, state: PoolState, now: datetime) -> None:
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []
        self.agents_changed = False

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)
