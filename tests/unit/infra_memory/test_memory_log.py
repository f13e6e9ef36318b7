"""What the log in memory offers beyond the ports: faults, time and compaction, all repeatable."""

import pytest

from core.eventlog.topics import TopicSpec
from core.ports import Fenced, LogUnavailable, OutgoingRecord, TopicPartition
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import Call, MemoryLog
from infra.memory.producer import MemoryProducer, MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader

WHERE = TopicPartition("t", 0)


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog()
    made.create(TopicSpec("t", 2, {}))
    return made


def put(log: MemoryLog, *pairs: tuple[bytes, bytes | None]) -> None:
    MemoryProducer(log).send_all([OutgoingRecord(*WHERE, key, value) for key, value in pairs])


def values(log: MemoryLog) -> list[bytes | None]:
    return [record.value for record in log.partition(WHERE).read(0, 100)[0]]


def member(log: MemoryLog, owner: str) -> tuple[MemoryGroupConsumer, set[TopicPartition], list[str]]:
    owned: set[TopicPartition] = set()
    lost: list[str] = []

    def gone(partitions: frozenset[TopicPartition]) -> None:
        owned.difference_update(partitions)
        lost.append(owner)

    consumer = MemoryGroupConsumer(log, "g", owner)
    consumer.subscribe(["t"], owned.update, owned.difference_update, gone)
    return consumer, owned, lost


def test_every_call_passes_the_hook_before_and_after(log: MemoryLog) -> None:
    calls: list[Call] = []
    log.on_call = calls.append
    producer = MemoryTransactionalProducer(log, "x", "me")
    producer.begin()
    producer.send(OutgoingRecord(*WHERE, None, b"v"))
    producer.commit()

    operations = ["producer.init", "producer.begin", "producer.send", "producer.commit"]
    assert calls == [Call("me", name, phase) for name in operations for phase in ("before", "after")]


@pytest.mark.parametrize(("phase", "written"), [("before", []), ("after", [b"v"])])
def test_failure_before_a_call_has_no_effect_and_after_it_the_whole(
    log: MemoryLog, phase: str, written: list[bytes]
) -> None:
    def fail(call: Call) -> None:
        if call.phase == phase:
            raise LogUnavailable("injected")

    log.on_call = fail
    with pytest.raises(LogUnavailable):
        put(log, (b"k", b"v"))

    assert values(log) == written


def test_time_passes_only_when_someone_waits(log: MemoryLog) -> None:
    start = log.clock.now()
    reader = MemoryLogReader(log)
    reader.assign({WHERE: 0})
    put(log, (b"k", b"v"))

    reader.poll(10, 5)
    assert log.clock.now() == start
    reader.poll(10, 5)
    assert (log.clock.now() - start).total_seconds() == 5


def test_silent_member_is_expelled_after_its_session_and_told_so_when_it_returns(log: MemoryLog) -> None:
    zombie, zombie_owned, lost = member(log, "zombie")
    other, other_owned, _ = member(log, "other")
    zombie.poll(1, 0)
    metadata = zombie.group_metadata()
    log.silence("zombie")
    log.clock.advance(5)
    other.poll(1, 0)
    assert len(other_owned) == 0
    log.clock.advance(2)
    other.poll(1, 0)
    assert len(other_owned) == 2

    producer = MemoryTransactionalProducer(log, "z", "zombie")
    producer.begin()
    with pytest.raises(LogUnavailable, match="lost its place"):
        producer.send_offsets({WHERE: 1}, metadata)
    with pytest.raises(Fenced):
        zombie.commit({WHERE: 1})
    zombie.poll(1, 0)
    assert (zombie_owned, lost) == (set(), ["zombie"])


def test_member_that_polls_again_in_time_keeps_its_place(log: MemoryLog) -> None:
    consumer, owned, _ = member(log, "slow")
    consumer.poll(1, 0)
    log.silence("slow")
    log.clock.advance(5)
    consumer.poll(1, 0)
    log.clock.advance(100)
    consumer.poll(1, 0)

    assert len(owned) == 2


def test_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(log: MemoryLog) -> None:
    producer = MemoryTransactionalProducer(log, "x")
    producer.begin()
    producer.send(OutgoingRecord(*WHERE, None, b"late"))
    log.clock.advance(11)
    with pytest.raises(Fenced):
        producer.commit()

    assert values(log) == []
    assert MemoryLogReader(log, settled=True).bounds(WHERE) == (0, 2)


def test_compaction_keeps_the_latest_of_each_key_at_its_offset(log: MemoryLog) -> None:
    put(log, (b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b"1"))
    log.partition(WHERE).compact()

    found = log.partition(WHERE).read(0, 100)[0]
    assert [(record.offset, record.key, record.value) for record in found] == [(2, b"a", b"2"), (4, b"c", b"1")]
    assert log.partition(WHERE).end == 5


def test_truncation_deletes_everything_and_offsets_go_on(log: MemoryLog) -> None:
    put(log, (b"a", b"1"))
    log.partition(WHERE).truncate()
    put(log, (b"a", b"2"))

    found = log.partition(WHERE).read(0, 100)[0]
    assert [(record.offset, record.value) for record in found] == [(1, b"2")]
    assert MemoryLogReader(log).bounds(WHERE) == (1, 2)


def test_added_partitions_reach_the_group(log: MemoryLog) -> None:
    consumer, owned, _ = member(log, "only")
    consumer.poll(1, 0)
    log.grow("t", 5)
    consumer.poll(1, 0)

    assert {where.partition for where in owned} == {0, 1, 2, 3, 4}


def test_same_steps_give_the_same_log(log: MemoryLog) -> None:
    def play() -> list[object]:
        made = MemoryLog()
        made.create(TopicSpec("t", 3, {}))
        members = [member(made, name)[0] for name in ("b", "a", "c")]
        put(made, *((b"%d" % n, b"%d" % n) for n in range(5)))
        return [[consumer.poll(2, 1) for consumer in members] for _ in range(5)]

    assert play() == play()


def test_member_that_could_not_say_goodbye_leaves_the_group_with_its_session() -> None:
    log = MemoryLog(session_timeout_seconds=6)
    log.create(TopicSpec("sealane.t", 1, {}))
    gone, successor = MemoryGroupConsumer(log, "g", "gone"), MemoryGroupConsumer(log, "g", "next")
    taken: list[frozenset[TopicPartition]] = []
    for consumer, told in ((gone, []), (successor, taken)):
        consumer.subscribe(("sealane.t",), told.append, lambda _: None, lambda _: None)
        consumer.poll(1, 0)

    def refuse(call: Call) -> None:
        if call.operation == "consumer.close" and call.phase == "before":
            raise LogUnavailable("injected")

    log.on_call = refuse
    with pytest.raises(LogUnavailable):
        gone.close()
    successor.poll(1, 0)
    assert not taken
    log.clock.advance(6.1)
    successor.poll(1, 0)
    assert taken == [frozenset({TopicPartition("sealane.t", 0)})]
