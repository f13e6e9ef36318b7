"""All aggregates and policies together, in memory and in one queue: commands are routed until nothing is left to do."""

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from core.aggregate import Rejected, Send, Tick
from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology

TOPOLOGY = Topology(("us-east", "eu-west", "ap-south"))
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Household:
    """`events` are (stream, event) in order, `envelopes` the same as they would be in the log.

    `rejections` are what was refused. The clock only moves when told.
    """

    def __init__(self) -> None:
        self.now = START
        self.events: list[tuple[Stream, Message]] = []
        self.envelopes: list[EventEnvelope] = []
        self.rejections: list[Rejected] = []
        self._aggregates = {aggregate.kind: aggregate for aggregate in AGGREGATES}
        self._states: dict[Stream, Any] = {}

    def state(self, stream: Stream) -> Any:
        if stream not in self._states:
            self._states[stream] = self._aggregates[stream.kind].initial(stream.id)
        return self._states[stream]

    def send(self, stream: str, command: Message, region: str = "us-east") -> list[Message]:
        """Decides the command and all that follows from it; answers with the events, of all streams."""
        first = len(self.events)
        queue = deque((Send(region, Stream.parse(stream), command),))
        while queue:
            queue.extend(self._decide(queue.popleft()))
        return [event for _, event in self.events[first:]]

    def pass_time(self, seconds: float) -> list[Message]:
        """Moves the clock and asks every stream whose deadline has come."""
        self.now += timedelta(seconds=seconds)
        first = len(self.events)
        for stream in list(self._states):
            deadline = self._aggregates[stream.kind].deadline(self._states[stream])
            if deadline is not None and deadline <= self.now:
                self.send(str(stream), Tick(), self._region(stream))
        return [event for _, event in self.events[first:]]

    @staticmethod
    def _region(stream: Stream) -> str:
        return next((each for each in TOPOLOGY.regions if stream.id.startswith(each)), TOPOLOGY.home_region)

    def _decide(self, send: Send) -> list[Send]:
        aggregate = self._aggregates[send.stream.kind]
        # As it would come out of the log:
        command = aggregate.commands.decode(send.command.TYPE, 1, aggregate.commands.encode(send.command))
        try:
            decided = aggregate.decide(self.state(send.stream), command, self.now)
        except Rejected as error:
            self.rejections.append(error)
            return []
        following: list[Send] = []
        for event in decided:
            self._states[send.stream] = aggregate.evolve(self._states[send.stream], event)
            self.events.append((send.stream, event))
            following += self._react(send, event)
        return following

    def _react(self, send: Send, event: Message) -> list[Send]:
        envelope = EventEnvelope(
            event_id=f"e{len(self.events)}",
            type=event.TYPE,
            schema_version=event.VERSION,
            stream=str(send.stream),
            stream_version=1,
            recorded_at=self.now,
            region=send.region,
            actor="test",
            correlation_id="0" * 32,
            causation_id="c",
            chain="",
            data=msgspec.Raw(msgspec.json.encode(event)),
        )
        self.envelopes.append(envelope)
        return [each for policy in POLICIES.get(event.TYPE, ()) for each in policy(TOPOLOGY, envelope, event)]
