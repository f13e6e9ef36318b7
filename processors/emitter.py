"""What a batch writes: sealed events, the commands of policies, dead letters, snapshots, and the consumed offsets.

All in one transaction, which begins with the first record; records go to the producer as they come, so that the
network works while the next command is decided.
"""

from collections.abc import Iterable
from datetime import datetime

from core.eventlog.envelope import CommandEnvelope, EventEnvelope
from core.eventlog.headers import decision_headers, history_headers
from core.eventlog.routing import make_command, to_record
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import derived_id
from core.ports import (
    Fenced,
    GroupConsumer,
    LogUnavailable,
    OutgoingRecord,
    Record,
    TopicPartition,
    TransactionalProducer,
)
from processors.dead_letters import dead_letter
from processors.kinds import Kinds
from processors.metrics import BatchTally
from processors.partition_state import LiveStream, PartitionState
from processors.sealing import seal_encoded

MAX_RECORD_BYTES = 900_000


class RecordTooLarge(Exception):
    """What no retry could ever write: it doesn't fit into a Kafka record."""


class Emitter:
    """One per batch."""

    FAILURES = (Fenced, LogUnavailable)

    def __init__(
        self,
        producer: TransactionalProducer,
        kinds: Kinds,
        topology: Topology,
        now: datetime,
    ) -> None:
        self.now = now
        self.tally = BatchTally()
        self.written: dict[TopicPartition, None] = {}
        self._producer = producer
        self._kinds = kinds
        self._topology = topology
        self._open = False

    def emit(
        self,
        state: PartitionState,
        live: LiveStream,
        command: CommandEnvelope,
        messages: tuple[Message, ...],
        hint: tuple[int, int] | None,
    ) -> None:
        """The events of one decision: applied to memory, sealed, sent, reacted to."""
        if state.streams.get(live.name) is not live:
            state.add(live)
        if not live.version:
            live.correlation_id = command.correlation_id
        at = state.time(self.now)
        topic, partition = state.events
        total = len(messages)
        for index, message in enumerate(messages):
            event = EventEnvelope(
                event_id=derived_id(command.command_id, index),
                type=message.TYPE,
                schema_version=message.VERSION,
                stream=live.name,
                stream_version=live.version_after(message.TYPE),
                recorded_at=at,
                region=state.region,
                actor=command.actor,
                correlation_id=command.correlation_id,
                causation_id=command.command_id,
                chain="",
                data=live.kind.encode_event(message),
            )
            state.head, value = seal_encoded(state.head, event)
            live.evolve(message.TYPE, message, at)
            headers = decision_headers(index, total)
            if hint is not None and index == 0:
                headers += history_headers(hint)
            self.send(OutgoingRecord(topic, partition, live.key, value, headers))
            policies = self._kinds.policies.get(message.TYPE)
            if policies:
                self._react(event, message)
        self.tally.events += total
        self.written[state.events] = None
        self.tally.evictions += state.settle(live, command.command_id, total, at)

    def bury(self, record: Record, command: CommandEnvelope | None, code: str, detail: str) -> None:
        self.tally.dead_letters += 1
        self.send(dead_letter(self.now, record, command, code, detail))

    def send(self, record: OutgoingRecord) -> None:
        """Raises RecordTooLarge, Fenced or LogUnavailable."""
        if record.value is not None and len(record.value) > MAX_RECORD_BYTES:
            raise RecordTooLarge(
                f"a record for {record.topic} takes {len(record.value)} bytes (at most {MAX_RECORD_BYTES})"
            )
        self._send(record)

    def send_snapshots(self, records: Iterable[OutgoingRecord]) -> None:
        """Their topic takes larger records than the others do: whoever made them has looked at their sizes."""
        for record in records:
            self._send(record)

    def _send(self, record: OutgoingRecord) -> None:
        if not self._open:
            self._producer.begin()
            self._open = True
        self._producer.send(record)

    def send_all(self, records: Iterable[OutgoingRecord]) -> None:
        for record in records:
            self.send(record)

    def commit(self, offsets: dict[TopicPartition, int], consumer: GroupConsumer) -> dict[TopicPartition, int]:
        """Offsets go into every transaction, even unchanged ones: they are what stops an owner that was replaced."""
        if not self._open:
            self._producer.begin()
            self._open = True
        self._producer.send_offsets(offsets, consumer.group_metadata())
        return self._producer.commit()

    def _react(self, event: EventEnvelope, message: Message) -> None:
        index = 0
        for policy in self._kinds.policies[message.TYPE]:
            for send in policy(self._topology, event, message):
                command = make_command(
                    command_id=derived_id(event.event_id, index),
                    stream=send.stream,
                    region=send.region,
                    command=send.command,
                    catalogue=self._kinds[send.stream.kind].aggregate.commands,
                    actor=event.actor,
                    correlation_id=event.correlation_id,
                    causation_id=event.event_id,
                    issued_at=event.recorded_at,
                )
                self.send(to_record(self._topology, command))
                index += 1
        self.tally.policy_commands += index
