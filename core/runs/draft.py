"""A decision on a Run in the making: what it has found so far, and what that means for the next step of it."""

from datetime import datetime

from core.eventlog.serialization import Message
from core.runs import events as e
from core.runs.evolve import evolve
from core.runs.state import RunState

Events = tuple[Message, ...]


class Draft:
    """`state` already shows the events told so far; the Run itself does not (see core/draft.py).

    `ready` are the stages whose last needed stage has ended within this decision.
    """

    __slots__ = ("events", "now", "ready", "state")

    def __init__(self, state: RunState, now: datetime) -> None:
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []
        self.ready: list[str] = []

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)
        if isinstance(event, e.StageFinished | e.StageSkipped):
            self._leave(event.stage)
            stages = self.state.stages
            self.ready += [name for name in stages[event.stage].dependents if stages[name].waiting_on == 0]

    def _leave(self, name: str) -> None:
        """Whoever ended holds no lock, and waits for none."""
        stage = self.state.stages[name]
        wanted = (stage.wanted,) if stage.wanted else ()
        if wanted or stage.locks:
            self.leave(name, (*stage.locks, *wanted))

    def leave(self, name: str, regions: tuple[str, ...], code: str = "", detail: str = "") -> None:
        """The stage gives back its environment's locks there; with a `code`, because it lost them."""
        left = e.StageEnvironmentLeft(
            app=self.state.app,
            stage=name,
            round=self.state.round,
            environment=self.state.stage_plan(name).environment or "",
            regions=regions,
            code=code,
            detail=detail,
        )
        self.tell(left)
