"""A decision on an environment in the making."""

from datetime import datetime

from core.environments.evolve import evolve
from core.environments.state import EnvironmentState
from core.eventlog.serialization import Message


class Draft:
    """`state` already shows the events told so far; the environment itself does not (see core/draft.py)."""

    __slots__ = ("events", "now", "state")

    def __init__(self, state: EnvironmentState, now: datetime) -> None:
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)
