"""A replay of an untouched log holds; whatever was altered in it is found and named with its place."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.envelope import Stream
from core.eventlog.routing import decode_event
from core.ports import OutgoingRecord, Record, TopicPartition
from infra.memory.log import MemoryLog
from infra.memory.reader import MemoryLogReader
from processors.kinds import Kinds
from processors.options import ProcessorOptions
from processors.replay import Replay, Replayed
from tests.support.histories import new_log
from tests.support.household import TOPOLOGY
from tests.support.workload import memory_workload

RUNS = TopicPartition("sealane.runs.events", 0)
Edit = Callable[[list[Record]], object]
KINDS = Kinds(AGGREGATES, POLICIES)


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    """Nine runs in three regions, with snapshots of some of them: the processor was restarted in between."""
    made = new_log()
    for first in (0, 6):
        work = memory_workload(TOPOLOGY, made)
        if not first:
            work.connect_agents()
            work.create_apps(3)
            work.settle()
        for number in range(first, first + (6 if not first else 3)):
            work.push(number % 3, number)
            while work.turn(0.05):
                made.clock.advance(0.01)
        work.close()
    return made


def replayed(log: MemoryLog, verify: bool = True, **options: Any) -> Replayed:
    replay = Replay(
        KINDS, TOPOLOGY, lambda: MemoryLogReader(log, "replay", settled=True), log.clock, ProcessorOptions(), **options
    )
    return replay.run(verify)


def altered(log: MemoryLog, edit: Edit, where: TopicPartition = RUNS) -> MemoryLog:
    """A copy of the log, offset for offset, in which the records of one partition are edited."""
    copy = new_log()
    for each in log.all_partitions():
        records = log.partition(each).read(0, 10**9)[0]
        if each == where:
            edit(records)
        with copy.call("test", "copy"):
            for record in records:
                while copy.partition(each).end < record.offset:
                    copy.append(OutgoingRecord(*each, None, None))
                copy.append(OutgoingRecord(*each, record.key, record.value, record.headers))
    return copy


def offset(log: MemoryLog, index: int) -> int:
    """Of the record that is number `index` before it was edited."""
    return log.partition(RUNS).read(0, 10**9)[0][index].offset


def flip(records: list[Record], index: int, needle: bytes) -> None:
    value = records[index].value or b""
    at = value.index(needle)
    records[index] = records[index]._replace(value=value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])


def swap(records: list[Record]) -> None:
    one, other = records[20], records[21]
    records[20], records[21] = other._replace(offset=one.offset), one._replace(offset=other.offset)


def insert(records: list[Record]) -> None:
    records.insert(20, records[5])


def test_untouched_log_holds_and_its_states_equal_those_of_the_snapshots(log: MemoryLog) -> None:
    result = replayed(log)
    assert result.faults == []
    snapshots = [each for each in log.all_partitions() if "snapshots" in each.topic]
    assert result.compared == sum(bool(log.partition(each).read(0, 10**9)[0]) for each in snapshots) > 0
    assert result.events == sum(
        len(log.partition(each).read(0, 10**9)[0]) for each in log.all_partitions() if "events" in each.topic
    )


def test_snapshots_of_other_code_are_named_and_not_compared(log: MemoryLog) -> None:
    replay = Replay(
        KINDS,
        TOPOLOGY,
        lambda: MemoryLogReader(log, "replay", settled=True),
        log.clock,
        ProcessorOptions(code_version="2"),
    )
    result = replay.run(verify=True)
    assert (result.faults, result.compared) == ([], 0)
    assert "sealane.runs.events:0: its snapshots were made by other code" in result.skipped


@pytest.mark.parametrize(
    ("edit", "index", "words"),
    [
        (lambda records: flip(records, 20, b'"chain":'), 20, "its bytes are not those of an event"),
        (lambda records: flip(records, 20, b'"actor":"w'), 20, "it was altered"),
        (lambda records: flip(records, 20, b"workload"), 20, "it was altered"),
        (lambda records: records.pop(20), 21, "or records between the record at {19} and it are missing"),
        (lambda records: records.pop(0), 1, "or records between the beginning and it are missing"),
        (swap, 20, "it and the record at {21} were swapped"),
    ],
    ids=["byte of the chain's name", "byte of a name", "byte of a value", "deleted", "first deleted", "swapped"],
)
def test_what_was_altered_is_named_with_its_place(log: MemoryLog, edit: Edit, index: int, words: str) -> None:
    faults = replayed(altered(log, edit)).faults
    (chain,) = [fault for fault in faults if fault.code in ("chain-broken", "record-unreadable")]
    assert str(chain.position) == f"sealane.runs.events:0:{offset(log, index)}"
    named = re.sub(r"\{(\d+)\}", lambda match: str(offset(log, int(match[1]))), words)
    assert named in chain.detail


def test_inserted_record_is_named(log: MemoryLog) -> None:
    (chain,) = replayed(altered(log, insert)).faults
    assert "it does not belong here" in chain.detail


def test_altered_chain_value_is_told_from_altered_content(log: MemoryLog) -> None:
    def edit(records: list[Record]) -> None:
        value = records[20].value or b""
        at = value.index(b'"chain":"') + 9
        digit = b"0" if value[at : at + 1] != b"0" else b"1"
        records[20] = records[20]._replace(value=value[:at] + digit + value[at + 1 :])

    (fault,) = replayed(altered(log, edit), verify=False).faults
    assert (fault.position.offset, fault.code) == (offset(log, 20), "chain-broken")
    assert "its chain value was altered" in fault.detail


def test_two_faults_far_apart_are_both_named(log: MemoryLog) -> None:
    def edit(records: list[Record]) -> None:
        flip(records, 40, b"workload")
        flip(records, 10, b"workload")

    faults = replayed(altered(log, edit), verify=False).faults
    assert [fault.position.offset for fault in faults] == [offset(log, 10), offset(log, 40)]


def test_altered_last_record_is_named(log: MemoryLog) -> None:
    faults = replayed(altered(log, lambda records: flip(records, -1, b"workload")), verify=False).faults
    assert len(faults) == 1


def test_altered_key_is_named(log: MemoryLog) -> None:
    def edit(records: list[Record]) -> None:
        records[7] = records[7]._replace(key=b"run/other")

    (fault,) = replayed(altered(log, edit), verify=False).faults
    assert (fault.code, fault.position.offset) == ("key-altered", offset(log, 7))


def test_snapshot_that_says_something_else_than_the_events_is_named(log: MemoryLog) -> None:
    where = TopicPartition("sealane.runs.snapshots", 0)

    def edit(records: list[Record]) -> None:
        for index, record in enumerate(records):
            records[index] = record._replace(value=(record.value or b"").replace(b"e2e", b"e3e"))

    faults = replayed(altered(log, edit, where)).faults
    assert [fault.code for fault in faults] == ["state-differs"]
    assert "by the events" in faults[0].detail


def test_log_that_lost_its_end_is_told_by_the_snapshots(log: MemoryLog) -> None:
    def edit(records: list[Record]) -> None:
        del records[-3:]

    faults = replayed(altered(log, edit)).faults
    assert ("log-cut-off", "sealane.runs.events:0") in [(each.code, str(each.position)[:21]) for each in faults]


def test_state_at_a_time_is_that_of_the_events_until_then(log: MemoryLog) -> None:
    events = [decode_event(record.value or b"") for record in log.partition(RUNS).read(0, 10**9)[0]]
    run = events[0].stream
    finished = next(event for event in events if event.stream == run and event.type == "run.finished")
    before = replayed(log, verify=False, only=Stream.parse(run), until=finished.recorded_at - timedelta(microseconds=1))
    after = replayed(log, verify=False, only=Stream.parse(run), until=finished.recorded_at)
    assert (before.state.status, after.state.status) == ("running", "finished")


def test_equal_logs_have_equal_digests_and_others_not(log: MemoryLog) -> None:
    shorter = altered(log, lambda records: records.pop())
    assert replayed(log, verify=False).digest == replayed(altered(log, lambda records: None), verify=False).digest
    assert replayed(shorter, verify=False).digest != replayed(log, verify=False).digest
