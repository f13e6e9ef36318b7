"""The two worlds that every log port must behave the same in: the log in memory, and a real Kafka broker."""

import secrets
from collections.abc import Callable
from random import Random
from typing import Protocol, TypeVar

from core.eventlog.topics import TopicSpec
from core.ports import (
    AsyncProducer,
    GroupConsumer,
    LogReader,
    Producer,
    Record,
    TopicAdmin,
    TopicPartition,
    TransactionalProducer,
)
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.async_producer import KafkaAsyncProducer
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from infra.memory.admin import MemoryTopicAdmin
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryAsyncProducer, MemoryProducer, MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader

# Of a kind that does not compress: brokers look at what they get.
TOO_LARGE = Random(1).randbytes(6_000_000)


class Closing(Protocol):
    def close(self) -> None: ...


ClientT = TypeVar("ClientT", bound=Closing)


class ClosingAsyncProducer(AsyncProducer, Protocol):
    async def close(self) -> None: ...


class World(Protocol):
    """Makes clients of one log. `closing` are closed at the end of the test."""

    closing: list[Closing]

    def reader(self, settled: bool = False) -> LogReader: ...

    def consumer(self, group: str) -> GroupConsumer: ...

    def transactional(self, transactional_id: str) -> TransactionalProducer: ...

    def producer(self) -> Producer: ...

    def async_producer(self) -> ClosingAsyncProducer: ...

    def admin(self) -> TopicAdmin: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.closing: list[Closing] = []
        self.log = MemoryLog()

    def reader(self, settled: bool = False) -> LogReader:
        return _kept(self, MemoryLogReader(self.log, settled=settled))

    def consumer(self, group: str) -> GroupConsumer:
        return _kept(self, MemoryGroupConsumer(self.log, group))

    def transactional(self, transactional_id: str) -> TransactionalProducer:
        return _kept(self, MemoryTransactionalProducer(self.log, transactional_id))

    def producer(self) -> Producer:
        return _kept(self, MemoryProducer(self.log))

    def async_producer(self) -> ClosingAsyncProducer:
        return MemoryAsyncProducer(self.log)

    def admin(self) -> TopicAdmin:
        return MemoryTopicAdmin(self.log)


class KafkaWorld:
    def __init__(self, bootstrap: str) -> None:
        self.closing: list[Closing] = []
        self.connection = Connection(bootstrap)

    def reader(self, settled: bool = False) -> LogReader:
        return _kept(self, KafkaLogReader(self.connection, settled=settled, timeout_seconds=1.0))

    def consumer(self, group: str) -> GroupConsumer:
        return _kept(self, KafkaGroupConsumer(self.connection, group, timeout_seconds=2.0))

    def transactional(self, transactional_id: str) -> TransactionalProducer:
        return _kept(self, KafkaTransactionalProducer(self.connection, transactional_id))

    def producer(self) -> Producer:
        return _kept(self, KafkaProducer(self.connection))

    def async_producer(self) -> ClosingAsyncProducer:
        return KafkaAsyncProducer(self.connection)

    def admin(self) -> TopicAdmin:
        return KafkaTopicAdmin(self.connection)


def _kept(world: MemoryWorld | KafkaWorld, client: ClientT) -> ClientT:
    world.closing.append(client)
    return client


def new_name() -> str:
    return f"test-{secrets.token_hex(6)}"


def new_topic(world: World, partitions: int = 1) -> str:
    name = f"sealane.{new_name()}"
    world.admin().create([TopicSpec(name, partitions, {"cleanup.policy": "delete"})])
    return name


def read_all(reader: LogReader, *partitions: TopicPartition) -> list[Record]:
    """Everything committed by now, from the first offset to the end of bounds()."""
    ends = {where: reader.bounds(where) for where in partitions}
    reader.assign({where: start for where, (start, _) in ends.items()})
    return read_until(reader, lambda positions: all(positions[where] >= end for where, (_, end) in ends.items()))


def read_until(reader: LogReader, done: Callable[[dict[TopicPartition, int]], bool]) -> list[Record]:
    found: list[Record] = []
    for _ in range(500):
        if done(reader.positions()):
            return found
        found += reader.poll(100, 0.1)
    raise AssertionError(f"the reader got stuck at {reader.positions()} after {len(found)} records")
