"""A decision on a Deployment in the making: what it has found so far, and how the clock stands."""

from datetime import datetime, timedelta

from core.aggregate import Rejected
from core.deployments.evolve import evolve
from core.deployments.state import DeploymentState
from core.eventlog.serialization import Message


class Draft:
    """`state` already shows the events told so far; the Deployment itself does not."""

    __slots__ = ("events", "now", "state")

    def __init__(self, state: DeploymentState, now: datetime) -> None:
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def due(self, name: str) -> bool:
        at = self.state.timers.due.get(name)
        return at is not None and at <= self.now

    def check_epoch(self, epoch: int) -> None:
        """Whoever acts for another holder of the lock is refused."""
        if epoch != self.state.epoch:
            raise Rejected(
                "stale-epoch", f"deployment {self.state.id} acts under epoch {self.state.epoch}, not {epoch}"
            )
