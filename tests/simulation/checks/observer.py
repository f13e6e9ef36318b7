"""Follows everything that becomes readable in the log and shows it, record by record, to the checks."""

from collections.abc import Callable
from typing import Any

import msgspec

from core.eventlog.envelope import CommandEnvelope, EventEnvelope
from core.eventlog.routing import decode_command, decode_event
from core.eventlog.topics import COMMANDS_TOPICS, EVENTS_TOPICS, LOGS_TOPIC
from core.ports import Record, TopicPartition
from core.protocol.logs import LogChunk, decode_chunk
from infra.memory.log import MemoryLog

data_of = msgspec.json.Decoder().decode


class Seen:
    """An event, its data as plain values, and its place."""

    __slots__ = ("_data", "event", "record")

    def __init__(self, record: Record, event: EventEnvelope) -> None:
        self.record = record
        self.event = event
        self._data: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """Most checks want it of a few types only."""
        if self._data is None:
            self._data = data_of(self.event.data)
        return self._data


class Check:
    """What a check may want to see. A violation is said with wrong()."""

    def __init__(self) -> None:
        self.wrong: Callable[[str], None] = lambda what: None

    def event(self, seen: Seen) -> None: ...

    def command(self, record: Record, command: CommandEnvelope) -> None: ...

    def chunk(self, record: Record, chunk: LogChunk) -> None: ...

    def step(self) -> None: ...


class Observer:
    """`observe()` shows what is new since the last time: `written` has the partitions where to look for it."""

    def __init__(self, log: MemoryLog, written: set[TopicPartition], checks: list[Check]) -> None:
        self._log = log
        self._written = written
        self._next: dict[TopicPartition, int] = {}
        self._by_method = {
            name: [each for each in checks if getattr(type(each), name) is not getattr(Check, name)]
            for name in ("event", "command", "chunk")
        }
        self.events = 0

    def observe(self) -> None:
        written = sorted(self._written)
        self._written.clear()
        for where in written:
            kind = _KINDS.get(where.topic)
            if kind is not None:
                records, self._next[where] = self._log.partition(where).read(self._next.get(where, 0), 1 << 30)
                for record in records:
                    self._show(record, kind)

    def _show(self, record: Record, kind: str) -> None:
        value = record.value or b""
        match kind:
            case "event":
                seen = Seen(record, decode_event(value))
                self.events += 1
                for check in self._by_method["event"]:
                    check.event(seen)
            case "command":
                command = decode_command(value)
                for check in self._by_method["command"]:
                    check.command(record, command)
            case _:
                chunk = decode_chunk(value)
                for check in self._by_method["chunk"]:
                    check.chunk(record, chunk)


_KINDS = {
    **dict.fromkeys(EVENTS_TOPICS, "event"),
    **dict.fromkeys(COMMANDS_TOPICS, "command"),
    LOGS_TOPIC: "chunk",
}
