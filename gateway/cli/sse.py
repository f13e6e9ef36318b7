"""Server-sent events as text lines bring them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Event(NamedTuple):
    """`data` is the decoded JSON; `id` is empty where the event has none."""

    name: str
    data: Any
    id: str = ""


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream; one that is cut off is left out."""
    name, data, identity = "message", list[str](), ""
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(name, json.loads("\n".join(data)), identity)
            name, data, identity = "message", [], ""
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            identity = value
