"""Processors of counters over a log in memory, with what a test wants to ask of them."""

import itertools
from collections import Counter as Count
from collections import defaultdict
from datetime import datetime

import msgspec

from core.aggregate import Aggregate
from core.eventlog.chain import GENESIS, holds
from core.eventlog.dead_letters import DeadLetter
from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Stream
from core.eventlog.routing import decode_event, make_command, to_record
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import COMMANDS_TOPICS, DEAD_LETTERS_TOPIC, Topology, events_topic
from core.ids import derived_id
from core.ports import OutgoingRecord, Record, TopicPartition
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer, MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader
from processors.kinds import SHELL_TYPES
from processors.options import ProcessorOptions
from processors.shell import Processor
from tests.support.counter import COMMANDS, POLICIES, Counter, counter

TOPOLOGY = Topology(("us-east", "eu-west"))
_decode_letter = msgspec.json.Decoder(DeadLetter).decode
OPTIONS = ProcessorOptions(
    checkpoint_events=5, events_per_snapshot=1, checkpoint_seconds=1e9, catch_up_grace_seconds=0.5
)


class Plant:
    """One log, any number of processors."""

    def __init__(self, options: ProcessorOptions = OPTIONS, aggregates: tuple[Aggregate, ...] | None = None) -> None:
        self.log = MemoryLog()
        self.clock = self.log.clock
        self.options = options
        self.aggregates = aggregates or (counter("run"), counter("app"))
        self._numbers = itertools.count()
        self._producer = MemoryProducer(self.log, "test")
        for spec in TOPOLOGY.topic_specs():
            self.log.create(spec)

    def processor(
        self,
        owner: str,
        options: ProcessorOptions | None = None,
        transactional_id: str | None = None,
        aggregates: tuple[Aggregate, ...] | None = None,
    ) -> Processor:
        return Processor(
            aggregates or self.aggregates,
            POLICIES,
            TOPOLOGY,
            lambda: MemoryGroupConsumer(self.log, "processors", owner),
            lambda: MemoryTransactionalProducer(self.log, transactional_id or owner, owner),
            lambda: MemoryLogReader(self.log, owner, settled=True),
            self.clock,
            options or self.options,
            sleep=self.clock.advance,
        )

    def command(
        self,
        stream: str,
        message: Message,
        *,
        region: str = "us-east",
        command_id: str | None = None,
        wants_reply: bool = False,
        hint: tuple[int, int] | None = None,
        catalogue: Catalogue = COMMANDS,
    ) -> CommandEnvelope:
        return make_command(
            command_id=command_id or derived_id("test", next(self._numbers)),
            stream=Stream.parse(stream),
            region=region,
            command=message,
            catalogue=catalogue,
            actor="tester",
            correlation_id="trace",
            causation_id="cause",
            issued_at=self.clock.now(),
            wants_reply=wants_reply,
            hint=hint,
        )

    def send(self, *commands: CommandEnvelope) -> None:
        self._producer.send_all([to_record(TOPOLOGY, command) for command in commands])

    def write(self, *records: OutgoingRecord) -> None:
        self._producer.send_all(records)

    def settle(self, *processors: Processor, rounds: int = 3) -> None:
        """Let them work until, for some rounds, none of them had anything to do."""
        idle = 0
        for _ in range(1000):
            done = sum(processor.run_once(0.1) for processor in processors)
            idle = 0 if done or any(processor.waiting for processor in processors) else idle + 1
            if idle > rounds:
                return
        raise AssertionError("the processors never came to rest")

    def records(self, topic: str) -> list[Record]:
        partitions = (where for where in self.log.all_partitions() if where.topic == topic)
        return [record for where in partitions for record in self.log.partition(where).read(0, 10**9)[0]]

    def events(self, context: str = "runs") -> list[EventEnvelope]:
        return [decode_event(record.value or b"") for record in self.records(events_topic(context))]

    def events_of_partition(self, partition: int, context: str = "runs") -> list[EventEnvelope]:
        records = self.log.partition(TopicPartition(events_topic(context), partition)).read(0, 10**9)[0]
        return [decode_event(record.value or b"") for record in records]

    def types(self, stream: str) -> list[str]:
        return [
            event.type for context in ("runs", "catalog") for event in self.events(context) if event.stream == stream
        ]

    def dead_letters(self) -> list[DeadLetter]:
        return [_decode_letter(record.value or b"") for record in self.records(DEAD_LETTERS_TOPIC)]

    def state(self, processor: Processor, stream: str) -> Counter:
        for partition in processor.partitions.values():
            if stream in partition.streams:
                state: Counter = partition.streams[stream].state
                return state
        raise KeyError(stream)

    def images(self, *processors: Processor) -> dict[TopicPartition, bytes]:
        return {where: state.image() for each in processors for where, state in each.partitions.items()}

    def restored_images(self, options: ProcessorOptions | None = None) -> dict[TopicPartition, bytes]:
        """What a newcomer that takes over everything would have in memory."""
        newcomer = self.processor("newcomer", options)
        found = {}
        for where in self.log.all_partitions():
            context = where.topic.split(".")[1]
            if where.topic in COMMANDS_TOPICS and context in ("runs", "catalog"):
                found[where] = newcomer.restorer.restore(context, where.partition, None).image()
        return found

    def check_log(self) -> None:
        """What must hold whatever happened: chains, versions, and one decision per command."""
        for context in ("runs", "catalog"):
            for partition in range(TOPOLOGY.partitions):
                where = TopicPartition(events_topic(context), partition)
                check_partition(
                    [decode_event(each.value or b"") for each in self.log.partition(where).read(0, 10**9)[0]]
                )


def check_partition(events: list[EventEnvelope]) -> None:
    head = GENESIS
    versions: dict[str, int] = defaultdict(int)
    decided: list[str] = []
    for event in events:
        assert holds(head, event), f"the chain breaks at {event.event_id}"
        head = event.chain
        if event.stream_version or event.type not in SHELL_TYPES:
            assert event.stream_version == versions[event.stream] + 1 or event.stream_version == 1
            versions[event.stream] = event.stream_version
        if event.event_id == derived_id(event.causation_id, 0):
            decided.append(event.causation_id)
    assert max(Count(decided).values(), default=1) == 1, "a command was decided twice"
    assert len({event.event_id for event in events}) == len(events)


def at(processor: Processor, stream: str) -> datetime | None:
    """When the stream must be asked again."""
    for state in processor.partitions.values():
        if stream in state.streams:
            return state.deadlines.get(stream)
    return None
