"""Row 1: commands/s through the processor shell, one process, beside a raw transactional consume -> produce."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice

from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from core.eventlog.topics import TopicSpec
from core.ports import OutgoingRecord, TopicPartition
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from processors.options import ProcessorOptions
from tests.benchmarks import counters
from tests.benchmarks.measure import Bench, Line, Row, expect
from tests.benchmarks.servers import broker

GOAL_RATIO = 0.6
GOAL_PER_SECOND = 30_000
_IN, _OUT = "raw-commands", "raw-events"
_BATCH = ProcessorOptions().max_batch


def measure(bench: Bench) -> Row:
    lines: list[Line] = []
    checks: list[str] = []
    for times in (1, 2):
        with broker(counters.TOPOLOGY) as connection:
            ours, raw, check = _compare(bench, connection, times)
        what = f"commands of {times} event{'s' * (times > 1)} through the shell"
        lines.append(Line(what, "commands/s", ours, raw, GOAL_RATIO if times == 1 else None))
        checks.append(check)
    lines.append(Line("the same against the absolute goal", "commands/s", lines[0].figures, (), GOAL_PER_SECOND, True))
    return Row(
        1,
        "Decisions: commands/s through the processor shell, one process",
        "raw confluent-kafka: the same commands consumed, the same event bytes produced, in transactions of "
        f"at most as many ({_BATCH:,})",
        lines,
        checks,
    )


def _compare(bench: Bench, connection: Connection, times: int) -> tuple[list[float], list[float], str]:
    warm, count = bench.size(10_000, 500), bench.size(50_000, 1500)
    total = (warm + count) * bench.repetitions
    KafkaTopicAdmin(connection).create([TopicSpec(name, 1, {}) for name in (_IN, _OUT)])
    with bench.step(f"row 1: {total:,} commands of {times} events into the log, twice"):
        commands = list(counters.additions(total, times))
        counters.produce(connection, commands)
        counters.produce(connection, _moved(commands))
    ours: list[float] = []
    raw: list[float] = []
    written: list[bytes] = []
    decided = 0
    for repetition in range(1, bench.repetitions + 1):
        with bench.step(f"row 1: repetition {repetition} of {bench.repetitions}"):
            until = repetition * (warm + count) - decided
            speed, done = _shell(connection, until - count, count)
            decided += done
            ours.append(speed)
            written = written or counters.stored(connection)
            raw.append(_raw(connection, warm, count, written, times))
    copied = counters.stored(connection, TopicPartition(_OUT, 0))
    expect(len(copied) == total * times, f"raw: {len(copied)} records of {total * times}")
    return ours, raw, counters.check_events(counters.stored(connection), total, times)


def _moved(commands: Iterable[OutgoingRecord]) -> Iterator[OutgoingRecord]:
    for _, partition, key, value, headers in commands:
        yield OutgoingRecord(_IN, partition, key, value, headers)


def _shell(connection: Connection, warm: int, count: int) -> tuple[float, int]:
    """(commands/s, commands decided in all)."""
    processor = counters.counter_processor(connection, "bench")
    first = counters.decide(processor, warm)
    started = time.perf_counter()
    counted = counters.decide(processor, count - (first - warm))
    seconds = time.perf_counter() - started
    processor.close()
    return counted / seconds, first + counted


def _raw(connection: Connection, warm: int, count: int, values: Sequence[bytes], times: int) -> float:
    consumer = Consumer(
        connection.config(
            "raw",
            group_id="raw",
            group_protocol="consumer",
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
    )
    producer = Producer(
        connection.config(
            "raw",
            transactional_id="raw",
            acks="all",
            linger_ms=5,
            compression_type="lz4",
            retry_backoff_ms=1,
            retry_backoff_max_ms=5,
            queue_buffering_max_messages=1_000_000,
        )
    )
    producer.init_transactions(30)
    consumer.subscribe([_IN])
    events = cycle(values)
    _copy(consumer, producer, warm, events, times)
    started = time.perf_counter()
    _copy(consumer, producer, count, events, times)
    seconds = time.perf_counter() - started
    consumer.close()
    return count / seconds


def _copy(consumer: Consumer, producer: Producer, count: int, events: Iterator[bytes], times: int) -> None:
    """What any transactional processor has to do, and nothing else."""
    while count > 0:
        messages = consumer.consume(min(_BATCH, count), 0.05)
        if not messages:
            continue
        producer.begin_transaction()
        for message in messages:
            key = message.key()
            for value in islice(events, times):
                producer.produce(_OUT, value, key, 0)
        last = messages[-1]
        offset = KafkaPartition(_IN, 0, (last.offset() or 0) + 1)
        producer.send_offsets_to_transaction([offset], consumer.consumer_group_metadata(), 30)
        producer.commit_transaction(30)
        count -= len(messages)
