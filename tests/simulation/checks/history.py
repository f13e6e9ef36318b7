"""The history itself: chains are whole, versions have no gaps, and each command is decided once, in one piece."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from core.eventlog.chain import GENESIS, holds
from core.eventlog.envelope import CommandEnvelope, EventEnvelope
from core.eventlog.headers import decision_part
from core.ports import Decision, Record, TopicPartition
from processors.kinds import SHELL_TYPES
from tests.simulation.checks.observer import Check, Seen


class Awaited(NamedTuple):
    """A command that must have an event, and where it is."""

    where: TopicPartition
    offset: int
    what: str


class HistoryCheck(Check):
    """Safety: asked with every event.

    `retention_seconds` is how long a stream that has ended stays in memory, by the clocks that the log has. Whoever
    repeats a command later is refused, under the ids of the decision that nobody remembers.
    """

    def __init__(self, retention_seconds: float) -> None:
        super().__init__()
        self._retention = timedelta(seconds=retention_seconds)
        self._touched: dict[str, datetime] = {}
        self._heads: dict[TopicPartition, str] = {}
        self._versions: dict[str, int] = {}
        self._event_ids: set[str] = set()
        # The command whose decision is being read in a partition, and how many of its events are still to come.
        self._open: dict[TopicPartition, tuple[str, int]] = {}
        self._decided: dict[str, str] = {}
        self._awaited: dict[str, Awaited] = {}
        self._passed: set[str] = set()

    def event(self, seen: Seen) -> None:
        record, event = seen.record, seen.event
        where = TopicPartition(record.topic, record.partition)
        place = f"{record.topic}:{record.partition}:{record.offset} ({event.type} of {event.stream})"
        if not holds(self._heads.get(where, GENESIS), event):
            self.wrong(f"the chain breaks at {place}")
        self._heads[where] = event.chain
        if event.stream_version or event.type not in SHELL_TYPES:
            version = self._versions[event.stream] = self._versions.get(event.stream, 0) + 1
            if event.stream_version != version:
                self.wrong(f"{place} has version {event.stream_version}, expected {version}")
        forgotten = self._is_forgotten(event)
        if event.event_id in self._event_ids and not forgotten:
            self.wrong(f"{place}: event {event.event_id} is there twice")
        self._event_ids.add(event.event_id)
        self._decision(where, seen, place, forgotten)

    def _is_forgotten(self, event: EventEnvelope) -> bool:
        """Whether this is a refusal in the name of a stream that has left memory. Calm streams only leave."""
        if event.type in SHELL_TYPES and event.stream_version == 0:
            return event.recorded_at - self._touched.get(event.stream, event.recorded_at) >= self._retention
        self._touched[event.stream] = event.recorded_at
        return False

    def _decision(self, where: TopicPartition, seen: Seen, place: str, forgotten: bool) -> None:
        command_id = seen.event.causation_id
        part, of = decision_part(seen.record.headers)
        open_id, left = self._open.get(where, ("", 0))
        if part == 1:
            if left:
                self.wrong(f"{place} comes before the decision of command {open_id} is complete")
            if command_id in self._decided and not forgotten:
                self.wrong(f"{place}: command {command_id} was decided before, at {self._decided[command_id]}")
            self._decided[command_id] = place
            self._awaited.pop(command_id, None)
        elif command_id != open_id or left != of - part + 1:
            self.wrong(f"{place} is part {part} of {of} of command {command_id}, which is not what comes next")
        self._open[where] = (command_id, of - part)

    def command(self, record: Record, command: CommandEnvelope) -> None:
        """Those that must have an event: whose sender waits, and those an App or a Run answers in any case."""
        if (command.wants_reply or command.type in _ALWAYS_DECIDED) and command.command_id not in self._decided:
            place = f"{record.topic}:{record.partition}:{record.offset}"
            self._awaited[command.command_id] = Awaited(
                TopicPartition(record.topic, record.partition),
                record.offset,
                f"{command.type} of {command.stream} at {place}",
            )

    def answered(self, decision: Decision) -> None:
        """A client was told: nothing of it may be taken back any more."""
        for event in decision.events:
            if event.event_id not in self._event_ids:
                self.wrong(f"a client was told of {event.type} of {event.stream}, which is not in the log")

    def undecided(self) -> list[str]:
        return [each.what for each in self._awaited.values()]

    def check_passed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Asked now and then: nobody comes back to a command that is behind its processor's offset. Twice, as a
        decision can't be read at once where somebody else's transaction stands before it.
        """
        passed = {key for key, each in self._awaited.items() if each.offset < offsets.get(each.where, 0)}
        for key in [key for key in self._awaited if key in passed & self._passed]:
            self.wrong(f"passed over: {self._awaited[key].what}")
        self._passed = passed


_ALWAYS_DECIDED = frozenset(("app.submit_trigger", "app.ignore_delivery"))
