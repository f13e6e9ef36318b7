"""A decision on a rollout in the making."""

from datetime import datetime

from core.eventlog.serialization import Message
from core.rollouts.evolve import evolve
from core.rollouts.state import RolloutState


class Draft:
    """`state` already shows the events told so far; the rollout itself does not (see core/draft.py)."""

    __slots__ = ("events", "now", "state")

    def __init__(self, state: RolloutState, now: datetime) -> None:
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)
