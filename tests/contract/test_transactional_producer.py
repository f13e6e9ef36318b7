"""What a TransactionalProducer promises."""

import pytest

from core.ports import Fenced, LogUnavailable, OutgoingRecord, TopicPartition
from tests.contract.groups import Member, poll_until
from tests.contract.worlds import TOO_LARGE, World, new_name, new_topic, read_all


def outgoing(where: TopicPartition, value: bytes = b"v") -> OutgoingRecord:
    return OutgoingRecord(*where, b"key", value)


def test_commit_answers_with_the_highest_offset_of_each_partition(world: World) -> None:
    topic = new_topic(world, partitions=3)
    zero, one, _ = (TopicPartition(topic, n) for n in range(3))
    producer = world.transactional(new_name())

    producer.begin()
    for where in (zero, zero, one, zero):
        producer.send(outgoing(where))
    first = producer.commit()
    producer.begin()
    producer.send(outgoing(one))
    second = producer.commit()

    assert first == {zero: 2, one: 0}
    assert second == {one: 2}


def test_records_of_one_partition_keep_their_order(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    producer = world.transactional(new_name())
    producer.begin()
    for n in range(1000):
        producer.send(outgoing(where, b"%d" % n))
    producer.commit()

    assert [record.value for record in read_all(world.reader(settled=True), where)] == [b"%d" % n for n in range(1000)]


def test_transaction_without_records_commits(world: World) -> None:
    producer = world.transactional(new_name())
    producer.begin()

    assert producer.commit() == {}


def test_consumed_offsets_move_with_the_commit_and_not_with_an_abort(world: World) -> None:
    where, group = TopicPartition(new_topic(world), 0), new_name()
    member = Member(world, group, where.topic)
    poll_until(member, lambda: member.owned == {where})
    producer = world.transactional(new_name())

    for offset, commit in ((5, True), (9, False)):
        producer.begin()
        producer.send_offsets({where: offset}, member.consumer.group_metadata())
        if commit:
            producer.commit()
        else:
            producer.abort()

    assert member.consumer.committed([where]) == {where: 5}


def test_new_producer_fences_the_old_and_aborts_what_it_left_open(world: World) -> None:
    where, name = TopicPartition(new_topic(world), 0), new_name()
    old = world.transactional(name)
    old.begin()
    old.send(outgoing(where, b"old"))

    new = world.transactional(name)
    with pytest.raises(Fenced):
        old.commit()
    new.begin()
    new.send(outgoing(where, b"new"))
    new.commit()

    assert [record.value for record in read_all(world.reader(settled=True), where)] == [b"new"]
    with pytest.raises(Fenced):
        old.begin()


def test_offsets_of_a_member_that_left_are_refused_and_nothing_is_written(world: World) -> None:
    where, group = TopicPartition(new_topic(world), 0), new_name()
    gone = Member(world, group, where.topic)
    poll_until(gone, lambda: gone.owned == {where})
    metadata = gone.consumer.group_metadata()
    gone.consumer.close()
    successor = Member(world, group, where.topic)
    poll_until(successor, lambda: successor.owned == {where})
    producer = world.transactional(new_name())

    producer.begin()
    producer.send(outgoing(where))
    with pytest.raises(LogUnavailable):
        producer.send_offsets({where: 1}, metadata)

    assert read_all(world.reader(settled=True), where) == []
    assert successor.consumer.committed([where]) == {where: None}
    producer.begin()
    producer.send_offsets({where: 7}, successor.consumer.group_metadata())
    producer.commit()
    assert successor.consumer.committed([where]) == {where: 7}


def test_committed_offset_is_not_told_while_a_transaction_on_it_is_undecided(world: World) -> None:
    where, group = TopicPartition(new_topic(world), 0), new_name()
    member = Member(world, group, where.topic)
    poll_until(member, lambda: member.owned == {where})
    producer = world.transactional(new_name())
    producer.begin()
    producer.send_offsets({where: 3}, member.consumer.group_metadata())

    with pytest.raises(LogUnavailable):
        member.consumer.committed([where])
    producer.commit()

    assert member.consumer.committed([where]) == {where: 3}


def test_record_that_is_too_large_fails_the_transaction_and_the_next_one_works(world: World) -> None:
    where = TopicPartition(new_topic(world), 0)
    producer = world.transactional(new_name())

    def too_large() -> None:
        producer.begin()
        producer.send(outgoing(where, b"small"))
        producer.send(outgoing(where, TOO_LARGE))
        producer.commit()

    with pytest.raises(LogUnavailable):
        too_large()
    producer.begin()
    producer.send(outgoing(where, b"next"))
    producer.commit()

    assert [record.value for record in read_all(world.reader(settled=True), where)] == [b"next"]


def test_abort_without_a_transaction_does_nothing(world: World) -> None:
    producer = world.transactional(new_name())

    producer.abort()
    producer.begin()
    producer.abort()
    producer.abort()
    producer.begin()

    assert producer.commit() == {}
