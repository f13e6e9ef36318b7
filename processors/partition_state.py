"""What a processor holds in memory for one partition of one context: its streams, chain head and offsets.

Everything here follows from the partition's events alone, so that a restored partition equals the one that was
lost. `apply` steps are therefore the same for a decision just made and for an event read back.
"""

import heapq
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from core.eventlog.chain import GENESIS
from core.eventlog.envelope import Stream
from core.eventlog.topics import commands_topic, events_topic, snapshots_topic
from core.ports import TopicPartition
from processors.deadlines import Deadlines
from processors.kinds import SHELL_TYPES, Kind
from processors.options import ProcessorOptions

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class LiveStream:
    """One aggregate in memory. `facts` counts its own events, without the shell's."""

    __slots__ = ("correlation_id", "facts", "key", "kind", "name", "remembered", "state", "touched_at", "version")

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.key = name.encode()
        self.kind = kind
        self.state: Any = kind.aggregate.initial(Stream.parse(name).id)
        self.version = 0
        self.facts = 0
        self.correlation_id = ""
        self.touched_at = EPOCH
        self.remembered: dict[str, None] = {}

    def version_after(self, event_type: str) -> int:
        """The version that an event of this type has. What is refused before anything happened begins no history."""
        return self.version + 1 if self.facts or event_type not in SHELL_TYPES else 0

    def evolve(self, event_type: str, message: Any, recorded_at: datetime) -> None:
        """One event has happened. `message` is not looked at for the shell's own events."""
        self.version = self.version_after(event_type)
        self.touched_at = recorded_at
        if event_type not in SHELL_TYPES:
            self.facts += 1
            self.state = self.kind.evolve(self.state, message)


# What a restore goes on from; snapshots by other code are there and of no use.
Beginning = Literal["first-event", "snapshots", "foreign-snapshots"]


class PartitionState:
    """The streams of one (context, partition). `commands_next` and `events_next` are the next offsets to read."""

    def __init__(self, context: str, partition: int, region: str, options: ProcessorOptions) -> None:
        self.context = context
        self.partition = partition
        self.region = region
        self.commands = TopicPartition(commands_topic(context), partition)
        self.events = TopicPartition(events_topic(context), partition)
        self.snapshots = TopicPartition(snapshots_topic(context), partition)
        self.streams: dict[str, LiveStream] = {}
        self.deadlines = Deadlines()
        self.head = GENESIS
        self.commands_next = 0
        self.events_next = 0
        self.recorded_at = EPOCH
        self.dirty: dict[str, None] = {}
        self.evicted: dict[str, None] = {}
        # No snapshot of a stream in use lies before its offset here; oldest first.
        self.snapshot_offsets: dict[str, int] = {}
        self.snapshots_next = 0
        self.events_since_checkpoint = 0
        self.checkpoint_at = EPOCH
        self.commands_end = 0
        self.restored_at = EPOCH
        self.began_with: Beginning = "first-event"
        self._remembered_least = options.remembered_commands
        self._remembered_most = 2 * options.remembered_commands
        self._retention = timedelta(seconds=options.retention_seconds)
        self._retiring: list[tuple[datetime, str, int]] = []

    def add(self, live: LiveStream) -> None:
        """In the place of one that was only refused so far, whose commands it remembers as well."""
        known = self.streams.get(live.name)
        if known is not None:
            live.remembered |= known.remembered
        self.streams[live.name] = live
        self.evicted.pop(live.name, None)

    def settle(self, live: LiveStream, command_id: str, events: int, recorded_at: datetime) -> int:
        """After the events of a decision (or one event read back): memory of the command, and who may leave.

        Answers with the number of streams that left. Ids of commands are trimmed in one go: deleting from a dict's
        front one by one is slow.
        """
        remembered = live.remembered
        remembered[command_id] = None
        if len(remembered) >= self._remembered_most:
            live.remembered = dict.fromkeys(list(remembered)[-self._remembered_least :])
        self.events_since_checkpoint += events
        self.recorded_at = recorded_at
        self.dirty[live.name] = None
        self.watch_end(live)
        return self._evict(recorded_at) if self._retiring and self._retiring[0][0] <= recorded_at else 0

    def time(self, now: datetime) -> datetime:
        """`now`, but never before what the partition has recorded: owners' clocks differ."""
        return now if now >= self.recorded_at else self.recorded_at

    def watch_end(self, live: LiveStream) -> None:
        """A stream that is finished, or to which nothing but refusals ever happened, leaves after the retention."""
        if live.facts == 0 or live.kind.finished(live.state):
            heapq.heappush(self._retiring, (live.touched_at + self._retention, live.name, live.version))

    def watch_deadline(self, live: LiveStream) -> None:
        self.deadlines.set(live.name, live.kind.aggregate.deadline(live.state))

    def _evict(self, now: datetime) -> int:
        count = 0
        while self._retiring and self._retiring[0][0] <= now:
            due, name, version = heapq.heappop(self._retiring)
            touched_at = due - self._retention
            live = self.streams.get(name)
            if live is None or live.version != version or live.touched_at != touched_at:
                continue
            if live.facts and live.kind.aggregate.recurs:
                # It may come back under its name, and its version goes on then.
                live.remembered.clear()
                self.dirty[name] = None
                continue
            del self.streams[name]
            self.deadlines.set(name, None)
            self.dirty.pop(name, None)
            self.evicted[name] = None
            count += 1
        return count

    def image(self) -> bytes:
        """All that restoring must bring back, as bytes that are equal for equal states."""
        streams = {
            name: (live.version, live.facts, live.correlation_id, live.touched_at, list(live.remembered), live.state)
            for name, live in self.streams.items()
        }
        whole = (self.context, self.partition, self.head, self.recorded_at, streams)
        return msgspec.msgpack.encode(whole, order="deterministic")
