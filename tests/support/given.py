"""Given / when / then for deciders: events that happened, a command, and what it leads to.

    given(RUN, "us-east-0123456789abcdef", *events).when(command).then(*expected)

The state lives on after `when`, so that a test may go on with further commands.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from core.aggregate import Aggregate, Rejected, Tick
from core.eventlog.serialization import Message

T = TypeVar("T", bound=Message)
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Scene:
    """One aggregate, its clock, and what was last decided."""

    def __init__(self, aggregate: Aggregate, identity: str) -> None:
        self.aggregate = aggregate
        self.identity = identity
        self.state: Any = aggregate.initial(identity)
        self.now = START
        self.events: list[Message] = []
        self.told: tuple[Message, ...] = ()

    def when(self, command: Message) -> "Scene":
        """Decides and evolves. Raises Rejected, and then nothing has changed."""
        before = msgspec.json.encode(self.state)
        try:
            self.told = self.aggregate.decide(self.state, command, self.now)
        finally:
            assert msgspec.json.encode(self.state) == before, "decide changed the state"
        self._apply(*self.told)
        return self

    def given(self, *events: Message) -> "Scene":
        self._apply(*events)
        return self

    def later(self, **span: float) -> "Scene":
        """Time passes, and the aggregate is asked if its deadline has come."""
        self.now += timedelta(**span)
        due = self.aggregate.deadline(self.state)
        self.told = ()
        if due is not None and due <= self.now:
            self.when(Tick())
        return self

    def rejects(self, command: Message, code: str) -> str:
        """The command is refused with this code; answers with the detail."""
        with pytest.raises(Rejected) as caught:
            self.when(command)
        assert caught.value.code == code
        return caught.value.detail

    def then(self, *expected: Message) -> "Scene":
        assert self.told == expected
        return self

    def then_types(self, *types: type[Message]) -> "Scene":
        assert [type(event) for event in self.told] == list(types)
        return self

    def all_told(self, kind: type[T]) -> list[T]:
        return [event for event in self.told if isinstance(event, kind)]

    def one(self, kind: type[T]) -> T:
        (event,) = self.all_told(kind)
        return event

    def check_restored(self) -> None:
        """A fold of the events as the log has them, and a snapshot, both equal the state to the byte."""
        catalogue = self.aggregate.events
        folded = self.aggregate.initial(self.identity)
        for event in self.events:
            stored = catalogue.decode(event.TYPE, event.VERSION, catalogue.encode(event))
            folded = self.aggregate.evolve(folded, stored)
        text = msgspec.json.encode(self.state)
        assert msgspec.json.encode(folded) == text
        assert msgspec.json.encode(msgspec.json.decode(text, type=self.aggregate.state_type)) == text

    def _apply(self, *events: Message) -> None:
        for event in events:
            self.events.append(event)
            self.state = self.aggregate.evolve(self.state, event)


def given(aggregate: Aggregate, identity: str, *events: Message) -> Scene:
    return Scene(aggregate, identity).given(*events)
