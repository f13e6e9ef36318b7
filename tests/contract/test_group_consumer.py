"""What a GroupConsumer promises."""

from core.ports import OutgoingRecord, TopicPartition
from tests.contract.groups import Member, poll_until
from tests.contract.worlds import World, new_name, new_topic


def fill(world: World, topic: str, partitions: int, count: int = 3) -> None:
    world.producer().send_all(
        [OutgoingRecord(topic, n, b"k", b"%d-%d" % (n, i)) for i in range(count) for n in range(partitions)]
    )


def test_only_member_gets_every_partition_and_reads_from_the_beginning(world: World) -> None:
    topics = [new_topic(world, 2), new_topic(world, 1)]
    for topic in topics:
        fill(world, topic, 1)

    member = Member(world, new_name(), *topics)
    poll_until(member, lambda: len(member.records) == 6)

    assert member.owned == {TopicPartition(topics[0], 0), TopicPartition(topics[0], 1), TopicPartition(topics[1], 0)}
    assert [record.offset for record in member.records if record.topic == topics[0]] == [0, 1, 2]


def test_gaps_are_never_delivered(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    gap = OutgoingRecord(*where, None, None)
    world.producer().send_all([gap, OutgoingRecord(*where, b"k", b"a"), gap, OutgoingRecord(*where, b"k", b"b")])

    member = Member(world, new_name(), where.topic)
    poll_until(member, lambda: len(member.records) == 2)

    assert [(record.offset, record.value) for record in member.records] == [(1, b"a"), (3, b"b")]


def test_next_member_starts_at_the_committed_offset(world: World) -> None:
    where, group = TopicPartition(new_topic(world), 0), new_name()
    fill(world, where.topic, 1)
    first = Member(world, group, where.topic)
    poll_until(first, lambda: len(first.records) == 3)
    assert first.consumer.committed([where]) == {where: None}
    first.consumer.commit({where: 2})
    first.consumer.close()

    second = Member(world, group, where.topic)
    poll_until(second, lambda: bool(second.records))

    assert second.values == [b"0-2"]
    assert second.consumer.committed([where]) == {where: 2}


def test_members_share_the_partitions_and_none_has_two_owners(world: World) -> None:
    topic, group = new_topic(world, 4), new_name()
    every = {TopicPartition(topic, n) for n in range(4)}
    first = Member(world, group, topic)
    poll_until(first, lambda: first.owned == every)

    second = Member(world, group, topic)
    poll_until(first, second, lambda: len(first.owned) == len(second.owned) == 2)

    assert first.owned | second.owned == every
    assert first.events == ["assigned", "revoked"]


def test_closing_hands_the_partitions_over(world: World) -> None:
    topic, group = new_topic(world, 2), new_name()
    first, second = Member(world, group, topic), Member(world, group, topic)
    poll_until(first, second, lambda: len(first.owned) == len(second.owned) == 1)

    first.consumer.close()
    poll_until(second, lambda: len(second.owned) == 2)

    assert first.events[-1] == "revoked"
    assert not first.owned


def test_seek_goes_back(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    fill(world, where.topic, 1)
    member = Member(world, new_name(), where.topic)
    poll_until(member, lambda: len(member.records) == 3)

    member.records.clear()
    member.consumer.seek(where, 1)
    poll_until(member, lambda: len(member.records) == 2)

    assert member.values == [b"0-1", b"0-2"]


def test_poll_never_gives_more_than_asked(world: World) -> None:
    topic = new_topic(world)
    fill(world, topic, 1, count=10)
    member = Member(world, new_name(), topic)
    poll_until(member, lambda: bool(member.owned))

    batches: list[int] = []
    while sum(batches) < 10 - len(member.records):
        batches.append(len(member.consumer.poll(3, 1.0)))

    assert max(batches, default=0) <= 3


def test_uncommitted_records_are_not_delivered_before_the_commit(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    member = Member(world, new_name(), where.topic)
    poll_until(member, lambda: member.owned == {where})
    producer = world.transactional(new_name())
    producer.begin()
    producer.send(OutgoingRecord(*where, b"k", b"aborted"))
    producer.abort()
    producer.begin()
    producer.send(OutgoingRecord(*where, b"k", b"committed"))
    assert member.consumer.poll(10, 0.05) == []
    producer.commit()

    poll_until(member, lambda: bool(member.records))

    assert member.values == [b"committed"]
