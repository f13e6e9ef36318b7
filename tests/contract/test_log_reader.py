"""What a LogReader promises."""

import pytest

from core.ports import LogUnavailable, OutgoingRecord, TopicPartition
from tests.contract.worlds import World, new_name, new_topic, read_all, read_until


def outgoing(topic: str, value: bytes, partition: int = 0) -> OutgoingRecord:
    return OutgoingRecord(topic, partition, b"key", value)


def test_reads_records_in_order_from_the_given_offset_on(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    world.producer().send_all([outgoing(where.topic, b"%d" % n) for n in range(10)])

    reader = world.reader()
    reader.assign({where: 4})
    found = read_until(reader, lambda positions: positions[where] == 10)

    assert [(record.offset, record.value) for record in found] == [(n, b"%d" % n) for n in range(4, 10)]


def test_keeps_key_headers_and_tombstones(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    headers = (("decision", b"1/2"), ("other", b"\x00\xff"))
    world.producer().send_all(
        [
            OutgoingRecord(*where, b"k", b"v", headers),
            OutgoingRecord(*where, None, b"w"),
            OutgoingRecord(*where, b"k", None),
        ]
    )

    first, keyless, tombstone = read_all(world.reader(), where)

    assert (first.topic, first.partition, first.key, first.value, first.headers) == (*where, b"k", b"v", headers)
    assert (keyless.key, keyless.headers) == (None, ())
    assert (tombstone.key, tombstone.value) == (b"k", None)
    assert first.timestamp_ms > 0


def test_gaps_take_offsets_and_are_never_delivered(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    gap = OutgoingRecord(*where, None, None)
    world.producer().send_all([gap, outgoing(where.topic, b"a"), gap, gap, outgoing(where.topic, b"b"), gap])

    reader = world.reader(settled=True)
    found = read_all(reader, where)

    assert [(record.offset, record.value) for record in found] == [(1, b"a"), (4, b"b")]
    assert reader.positions() == {where: 6}


def test_aborted_records_are_never_delivered_and_are_stepped_over(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    producer = world.transactional(new_name())
    for value, commit in ((b"a", True), (b"b", False), (b"c", True), (b"d", False)):
        producer.begin()
        producer.send(outgoing(where.topic, value))
        if commit:
            producer.commit()
        else:
            producer.abort()

    reader = world.reader(settled=True)
    found = read_all(reader, where)

    assert [record.value for record in found] == [b"a", b"c"]
    assert reader.positions() == {where: reader.bounds(where)[1]}


def test_position_reaches_the_end_although_markers_take_offsets(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    producer = world.transactional(new_name())
    producer.begin()
    producer.send(outgoing(where.topic, b"a"))
    highest = producer.commit()

    reader = world.reader(settled=True)
    read_all(reader, where)

    assert highest == {where: 0}
    assert reader.bounds(where) == (0, 2)
    assert reader.positions() == {where: 2}


def test_undecided_records_lie_beyond_the_end(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    world.producer().send_all([outgoing(where.topic, b"before")])
    producer = world.transactional(new_name())
    producer.begin()
    producer.send(outgoing(where.topic, b"undecided"))
    producer.send(outgoing(where.topic, b"undecided too"))
    world.producer().send_all([outgoing(where.topic, b"after")])

    assert world.reader().bounds(where)[1] <= 2
    assert [record.value for record in read_all(world.reader(), where)][:1] == [b"before"]
    producer.commit()
    assert len(read_all(world.reader(settled=True), where)) == 4


def test_settled_reader_gives_no_end_while_something_before_it_is_undecided(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    producer, probe = world.transactional(new_name()), world.producer()
    producer.begin()
    for _ in range(3000):
        producer.send(outgoing(where.topic, b"x" * 1000))

    # The probe's offset tells when the first of them have reached the log.
    assert any(probe.send_all([outgoing(where.topic, b"probe")])[0].offset > 1000 for _ in range(1000))
    with pytest.raises(LogUnavailable, match="undecided"):
        world.reader(settled=True).bounds(where)
    producer.abort()
    assert world.reader(settled=True).bounds(where)[1] > 1000


def test_assigning_again_replaces_the_assignment(world: World) -> None:
    topic = new_topic(world, partitions=2)
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    world.producer().send_all([outgoing(topic, b"%d" % n, n) for n in (0, 1)])
    reader = world.reader()
    reader.assign({zero: 0, one: 0})
    read_until(reader, lambda positions: set(positions.values()) == {1})

    reader.assign({one: 0})
    found = read_until(reader, lambda positions: positions[one] == 1)

    assert [record.partition for record in found] == [1]
    assert reader.positions() == {one: 1}


def test_nothing_assigned_delivers_nothing(world: World) -> None:
    topic = new_topic(world)
    world.producer().send_all([outgoing(topic, b"x")])
    reader = world.reader()
    reader.assign({TopicPartition(topic, 0): 0})
    reader.assign({})

    assert reader.poll(10, 0.05) == []
    assert reader.positions() == {}


def test_bounds_of_a_topic_that_does_not_exist_are_unavailable(world: World) -> None:
    with pytest.raises(LogUnavailable):
        world.reader().bounds(TopicPartition(new_name(), 0))
