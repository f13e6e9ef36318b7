"""Row 2: events/s from the log into the state of a partition, beside consuming and decoding the same records."""

import time

import msgspec
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition

from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.routing import decode_event
from core.eventlog.topics import events_topic
from infra.clock import SystemClock
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from processors.partition_state import PartitionState
from processors.shell import Processor
from projections.facts import CATALOGUES
from tests.benchmarks.history import write_history
from tests.benchmarks.measure import Bench, Line, Row, expect
from tests.benchmarks.servers import broker
from tests.support.household import TOPOLOGY

GOAL_RATIO = 0.5
GOAL_PER_SECOND = 200_000


def measure(bench: Bench) -> Row:
    runs = bench.size(1000, 20)
    with broker(TOPOLOGY) as connection:
        with bench.step(f"row 2: {runs:,} runs decided and written"):
            write_history(connection, runs)
        ours: list[float] = []
        raw: list[float] = []
        for repetition in range(bench.repetitions + 1):
            with bench.step(f"row 2: repetition {repetition} of {bench.repetitions} (0 warms up)"):
                limit, count = _raw(connection)
                figure, state = _restore(connection)
            if repetition:
                raw.append(limit)
                ours.append(figure)
            expect(state.events_next == count, f"restored up to {state.events_next} of {count} events")
            expect(len(state.streams) == runs, f"{len(state.streams)} of {runs} runs are back")
            versions = sum(live.version for live in state.streams.values())
            expect(versions == count, f"the streams hold {versions} of {count} events")
    return Row(
        2,
        "Restore: events/s from the log into state, without any snapshot",
        "raw confluent-kafka consume, msgspec decode of each envelope and of its typed data",
        [
            Line("events of runs restored", "events/s", ours, raw, GOAL_RATIO),
            Line("the same against the absolute goal", "events/s", ours, (), GOAL_PER_SECOND, True),
        ],
        [f"{runs:,} runs with {count:,} events: each stream back at its last version"],
    )


def _restore(connection: Connection) -> tuple[float, PartitionState]:
    processor = Processor(
        AGGREGATES,
        POLICIES,
        TOPOLOGY,
        lambda: KafkaGroupConsumer(connection, "bench"),
        lambda: KafkaTransactionalProducer(connection, "bench"),
        lambda: KafkaLogReader(connection, "bench-restore", settled=True),
        SystemClock(),
    )
    started = time.perf_counter()
    state = processor.restorer.restore("runs", 0, None)
    seconds = time.perf_counter() - started
    processor.close()
    return state.events_next / seconds, state


def _raw(connection: Connection) -> tuple[float, int]:
    """(events/s, how many there are)."""
    consumer = Consumer(connection.config("raw", group_id="raw", isolation_level="read_committed"))
    decode = {kind: {t.TYPE: msgspec.json.Decoder(t).decode for t in c.types} for kind, c in CATALOGUES.items()}
    _, end = consumer.get_watermark_offsets(KafkaPartition(events_topic("runs"), 0), timeout=10)
    started = time.perf_counter()
    consumer.assign([KafkaPartition(events_topic("runs"), 0, 0)])
    count = 0
    while count < end:
        for message in consumer.consume(5000, 0.1):
            event = decode_event(message.value() or b"")
            decode[event.stream.partition("/")[0]][event.type](event.data)
            count += 1
    seconds = time.perf_counter() - started
    consumer.close()
    return count / seconds, count
