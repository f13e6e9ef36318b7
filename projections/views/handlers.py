"""How a view says which events it wants: a table from an event's type to functions of (fact, changes)."""

from collections.abc import Callable
from typing import Any

import msgspec

from core.eventlog.serialization import Message
from projections.changes import Changes
from projections.facts import Fact

Handler = Callable[[Fact, Changes], None]
_encode = msgspec.json.Encoder().encode


class Handlers:
    """The handlers of one view, for the streams of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.by_type: dict[str, Handler] = {}

    def on(self, *types: type[Message]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            for message in types:
                assert message.TYPE not in self.by_type, message.TYPE
                self.by_type[message.TYPE] = handler
            return handler

        return register


def as_json(value: Any) -> str:
    """The text of a JSON column."""
    return _encode(value).decode()
