"""What Producer and AsyncProducer promise."""

import asyncio

import pytest

from core.eventlog.envelope import Position
from core.ports import LogUnavailable, OutgoingRecord, TopicPartition
from tests.contract.worlds import TOO_LARGE, World, new_topic, read_all


def test_send_all_answers_with_the_positions_in_the_order_given(world: World) -> None:
    topic = new_topic(world, 2)
    records = [OutgoingRecord(topic, n % 2, b"k", b"%d" % n) for n in range(4)]

    positions = world.producer().send_all(records)

    assert positions == [Position(topic, 0, 0), Position(topic, 1, 0), Position(topic, 0, 1), Position(topic, 1, 1)]


def test_nothing_to_send_is_fine(world: World) -> None:
    assert world.producer().send_all([]) == []


def test_record_that_is_too_large_is_refused(world: World) -> None:
    topic = new_topic(world)

    with pytest.raises(LogUnavailable):
        world.producer().send_all([OutgoingRecord(topic, 0, b"k", TOO_LARGE)])


async def test_async_send_answers_with_the_position_once_it_is_durable(world: World) -> None:
    where = TopicPartition(await asyncio.to_thread(new_topic, world), 0)
    producer = world.async_producer()

    sent = [producer.send(OutgoingRecord(*where, b"k", b"%d" % n)) for n in range(500)]
    positions = await asyncio.gather(*sent)
    await producer.close()

    assert positions == [Position(*where, n) for n in range(500)]
    found = await asyncio.to_thread(read_all, world.reader(), where)
    assert [record.value for record in found] == [b"%d" % n for n in range(500)]


async def test_async_record_that_is_too_large_is_refused(world: World) -> None:
    topic = await asyncio.to_thread(new_topic, world)
    producer = world.async_producer()

    with pytest.raises(LogUnavailable):
        await producer.send(OutgoingRecord(topic, 0, b"k", TOO_LARGE))
    await producer.close()
