"""A log on a real broker into which somebody wrote an altered copy: every alteration is found and named."""

from core.aggregates import AGGREGATES, POLICIES
from core.ports import OutgoingRecord, Record, TopicPartition
from infra.clock import SystemClock
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.topics import apply
from infra.memory.log import MemoryLog
from processors.kinds import Kinds
from processors.options import ProcessorOptions
from processors.replay import Replay, Replayed
from tests.support.histories import new_log
from tests.support.household import TOPOLOGY
from tests.support.workload import memory_workload

TOPIC = "sealane.runs.events"


def recorded() -> MemoryLog:
    """Some runs in each of three regions."""
    log = new_log()
    work = memory_workload(TOPOLOGY, log)
    work.connect_agents()
    work.create_apps(3)
    work.settle()
    for number in range(6):
        work.push(number % 3, number)
    work.settle()
    return log


def flip(records: list[Record]) -> int:
    value = records[30].value or b""
    at = value.index(b"workload")
    records[30] = records[30]._replace(value=value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])
    return records[30].offset


def delete(records: list[Record]) -> int:
    del records[30]
    return records[30].offset


def swap(records: list[Record]) -> int:
    one, other = records[30], records[31]
    records[30], records[31] = other._replace(offset=one.offset), one._replace(offset=other.offset)
    return one.offset


def write_copy(log: MemoryLog, bootstrap: str, edits: bool) -> list[str]:
    """Into the topics of the broker, offset for offset; answers with the places where something was altered."""
    producer = KafkaProducer(Connection(bootstrap))
    altered = []
    for where in log.all_partitions():
        records = log.partition(where).read(0, 10**9)[0]
        if edits and where.topic == TOPIC:
            altered.append(f"{TOPIC}:{where.partition}:{(flip, delete, swap)[where.partition](records)}")
        producer.send_all(_with_gaps(where, records))
    producer.close()
    return altered


def _with_gaps(where: TopicPartition, records: list[Record]) -> list[OutgoingRecord]:
    copy: list[OutgoingRecord] = []
    for record in records:
        copy += [OutgoingRecord(*where, None, None)] * (record.offset - len(copy))
        copy.append(OutgoingRecord(*where, record.key, record.value, record.headers))
    return copy


def replayed(bootstrap: str) -> Replayed:
    connection = Connection(bootstrap)
    kinds = Kinds(AGGREGATES, POLICIES)
    replay = Replay(
        kinds, TOPOLOGY, lambda: KafkaLogReader(connection, "replay", settled=True), SystemClock(), ProcessorOptions()
    )
    try:
        return replay.run(verify=True)
    finally:
        replay.close()


def test_flipped_byte_deleted_and_swapped_records_are_named(fresh_kafka: str) -> None:
    apply(KafkaTopicAdmin(Connection(fresh_kafka)), TOPOLOGY.topic_specs())
    altered = write_copy(recorded(), fresh_kafka, edits=True)
    broken = [fault for fault in replayed(fresh_kafka).faults if fault.code == "chain-broken"]
    assert [str(fault.position) for fault in broken] == altered
    words = ("altered", "records between the record at", "were swapped")
    assert all(word in fault.detail for word, fault in zip(words, broken, strict=True))


def test_untouched_copy_holds(fresh_kafka: str) -> None:
    apply(KafkaTopicAdmin(Connection(fresh_kafka)), TOPOLOGY.topic_specs())
    log = recorded()
    write_copy(log, fresh_kafka, edits=False)
    result = replayed(fresh_kafka)
    events = [len(log.partition(each).read(0, 10**9)[0]) for each in log.all_partitions() if "events" in each.topic]
    assert (result.faults, result.events) == ([], sum(events))
