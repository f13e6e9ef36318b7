"""The log of the counters on a real broker: send commands, read what became of them, check that it holds."""

import itertools
import secrets
import time
from collections import Counter as Count
from collections.abc import Callable

import msgspec

from core.eventlog.chain import GENESIS, holds
from core.eventlog.dead_letters import DeadLetter
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event, make_command, to_record
from core.eventlog.serialization import Message
from core.eventlog.topics import DEAD_LETTERS_TOPIC, events_topic
from core.ports import OutgoingRecord, Record, TopicPartition
from infra.clock import SystemClock
from infra.kafka.connection import Connection
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from tests.support.counter import COMMANDS
from tests.support.counter_processor import TOPOLOGY


class CounterLog:
    """Keeps the ids of all commands sent, so that check() can account for each of them."""

    def __init__(self, bootstrap: str) -> None:
        connection = Connection(bootstrap)
        self._producer = KafkaProducer(connection)
        self._reader = KafkaLogReader(connection, "test", settled=True)
        self._follower = KafkaLogReader(connection, "test-follower")
        self._follower.assign({TopicPartition(events_topic("runs"), n): 0 for n in range(TOPOLOGY.partitions)})
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count()
        self.sent: set[str] = set()
        self._decided: set[str] = set()

    def send(self, stream: str, *messages: Message, region: str = "us-east") -> None:
        records = []
        for message in messages:
            command_id = f"{self._prefix}-{next(self._numbers)}"
            command = make_command(
                command_id=command_id,
                stream=Stream.parse(stream),
                region=region,
                command=message,
                catalogue=COMMANDS,
                actor="tester",
                correlation_id="trace",
                causation_id="",
                issued_at=SystemClock().now(),
            )
            self.sent.add(command_id)
            records.append(to_record(TOPOLOGY, command))
        self._producer.send_all(records)

    def write(self, *records: OutgoingRecord) -> None:
        self._producer.send_all(records)

    def records(self, topic: str, partition: int) -> list[Record]:
        where = TopicPartition(topic, partition)
        first, end = self._reader.bounds(where)
        self._reader.assign({where: first})
        found: list[Record] = []
        while self._reader.positions()[where] < end:
            found += self._reader.poll(1000, 0.2)
        self._reader.assign({})
        return found

    def events(self, context: str = "runs") -> list[EventEnvelope]:
        partitions = range(TOPOLOGY.partitions)
        return [decode_event(each.value or b"") for n in partitions for each in self.records(events_topic(context), n)]

    def dead_letters(self) -> list[DeadLetter]:
        decode = msgspec.json.Decoder(DeadLetter).decode
        return [decode(r.value or b"") for n in range(TOPOLOGY.partitions) for r in self.records(DEAD_LETTERS_TOPIC, n)]

    def decided(self) -> int:
        """How many commands have been decided by now."""
        while records := self._follower.poll(5000, 0.05):
            self._decided |= {decode_event(record.value or b"").causation_id for record in records}
        return len(self._decided)

    def wait_until_decided(self, seconds: float = 60) -> None:
        """Until every command sent has an event of its own."""
        wait_for(lambda: self.decided() >= len(self.sent) and self._decided >= self.sent, seconds)

    def check(self) -> None:
        """Each command decided exactly once; versions without gaps; chains whole."""
        for partition in range(TOPOLOGY.partitions):
            head, versions = GENESIS, Count[str]()
            for record in self.records(events_topic("runs"), partition):
                event = decode_event(record.value or b"")
                versions[event.stream] += 1
                assert event.stream_version == versions[event.stream]
                assert holds(head, event)
                head = event.chain
        events = self.events()
        assert len({event.event_id for event in events}) == len(events)
        assert {event.causation_id for event in events} >= self.sent

    def close(self) -> None:
        self._reader.close()
        self._follower.close()
        self._producer.close()


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Ask again and again until it holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:g} s"
        time.sleep(0.05)
