"""Commands and events of the tests' counter aggregate in bulk, for the rows that are about the shell alone."""

import itertools
import time
from collections.abc import Iterable, Sequence

from confluent_kafka import Producer

from core.eventlog.chain import GENESIS, holds
from core.eventlog.envelope import Stream
from core.eventlog.routing import decode_event, make_command, to_record
from core.eventlog.topics import Topology, events_topic
from core.ports import OutgoingRecord, TopicPartition
from infra.clock import SystemClock
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.producer import producer_config
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from processors.options import ProcessorOptions
from processors.shell import Processor
from tests.benchmarks.measure import expect
from tests.support.counter import COMMANDS, POLICIES, Add, counter

TOPOLOGY = Topology(("us-east",))
EVENTS = TopicPartition(events_topic("runs"), 0)
STREAMS = 2000


def additions(count: int, times: int) -> Iterable[OutgoingRecord]:
    """`count` commands of `times` events each, for STREAMS counters in turn."""
    now = SystemClock().now()
    streams = itertools.cycle([Stream("run", f"us-east-{n:016x}") for n in range(STREAMS)])
    prefix = f"{time.time_ns():x}"
    for index, stream in zip(range(count), streams, strict=False):
        command = make_command(
            command_id=f"{prefix}-{index:08x}-000000000000",
            stream=stream,
            region="us-east",
            command=Add(amount=1, times=times),
            catalogue=COMMANDS,
            actor="local-agent/us-east-1",
            correlation_id="c" * 32,
            causation_id="d" * 36,
            issued_at=now,
        )
        yield to_record(TOPOLOGY, command)


def produce(connection: Connection, records: Iterable[OutgoingRecord]) -> None:
    """As fast as Python can: no acknowledgement is looked at one by one, all are waited for."""
    producer = Producer(producer_config(connection, "bench-load", 60.0, linger_ms=5))
    for topic, partition, key, value, _ in records:
        while True:
            try:
                producer.produce(topic, value, key, partition)
                break
            except BufferError:
                producer.poll(0.05)
    expect(producer.flush(60) == 0, "not all commands reached the broker")


def counter_processor(connection: Connection, name: str, options: ProcessorOptions | None = None) -> Processor:
    """As infra/wiring makes it, of counters."""
    return Processor(
        [counter("run")],
        POLICIES,
        TOPOLOGY,
        lambda: KafkaGroupConsumer(connection, "bench-processors", client_id=name),
        lambda: KafkaTransactionalProducer(connection, "bench-processor"),
        lambda: KafkaLogReader(connection, f"{name}-restore", settled=True),
        SystemClock(),
        options,
    )


def decide(processor: Processor, count: int) -> int:
    """Let it decide at least `count` commands more; answers with how many it were."""
    done = 0
    while done < count:
        done += processor.run_once(1.0)
    return done


def stored(connection: Connection, where: TopicPartition = EVENTS) -> list[bytes]:
    """All values of a partition, committed ones only."""
    reader = KafkaLogReader(connection, "bench-check", settled=True)
    try:
        first, end = reader.bounds(where)
        reader.assign({where: first})
        values: list[bytes] = []
        while reader.positions()[where] < end:
            values += [record.value or b"" for record in reader.poll(10_000, 0.5)]
        return values
    finally:
        reader.close()


def check_events(values: Sequence[bytes], commands: int, times: int) -> str:
    """Each command decided once, with all its events, chained without a break."""
    head, ids, causes = GENESIS, set(), set()
    versions: dict[str, int] = {}
    for value in values:
        event = decode_event(value)
        expect(holds(head, event), f"the chain breaks at {event.event_id}")
        expect(event.stream_version == versions.get(event.stream, 0) + 1, f"{event.stream} has a hole")
        head, versions[event.stream] = event.chain, event.stream_version
        ids.add(event.event_id)
        causes.add(event.causation_id)
    expect(len(values) == len(ids) == commands * times, f"{len(values)} events ({len(ids)} ids) of {commands} commands")
    expect(len(causes) == commands, f"{len(causes)} of {commands} commands were decided")
    return f"{commands:,} commands gave {len(values):,} events, each command decided once, chain and versions whole"
