"""Ports: what the shells need from the world. Adapters live in infra; one contract suite runs against each.

The log ports are synchronous and single-threaded: one owner polls, sends and commits. The gateway, which
is asynchronous, has ports of its own below.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from core.cluster import ClusterState, ReplicaMove
from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Position
from core.eventlog.topics import TopicSpec


class TopicPartition(NamedTuple):
    topic: str
    partition: int


class Record(NamedTuple):
    """One record of a topic. `timestamp_ms` is the broker's or producer's, since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0


def is_gap(record: Record) -> bool:
    """A record with neither key nor value stands for nothing: a restore writes it where the log it restores had a
    transaction marker, so that offsets stay what they were. As such markers, no reader ever sees it."""
    return record[4] is None and record[3] is None


class OutgoingRecord(NamedTuple):
    """A record to be written; `value` None is a tombstone."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Fenced(Exception):
    """A newer owner exists: drop all state of the partitions and stop writing."""


class LogUnavailable(Exception):
    """The log can't be reached or refused the write; nothing was committed."""


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, timezone-aware, microseconds."""
        ...


class LogReader(Protocol):
    """Reads committed records of chosen partitions, without a group: restore, replay, tails."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets on; replaces an earlier assignment."""
        ...

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]: ...

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """(first offset kept, offset after the last stable record)."""
        ...

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset to be read of each assigned partition (transaction markers are stepped over)."""
        ...

    def close(self) -> None: ...


PartitionsCallback = Callable[[frozenset[TopicPartition]], None]


class GroupConsumer(Protocol):
    """A member of a consumer group. Callbacks run inside poll(). Commits are by transaction or by commit()."""

    def subscribe(
        self,
        topics: Iterable[str],
        on_assigned: PartitionsCallback,
        on_revoked: PartitionsCallback,
        on_lost: PartitionsCallback,
    ) -> None: ...

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]: ...

    def seek(self, partition: TopicPartition, offset: int) -> None: ...

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The next offsets to read; waits for the broker. Raises Fenced or LogUnavailable."""
        ...

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]: ...

    def group_metadata(self) -> object: ...

    def close(self) -> None: ...


class TransactionalProducer(Protocol):
    """Writes records and consumed offsets in one transaction. Raises Fenced or LogUnavailable."""

    def begin(self) -> None: ...

    def send(self, record: OutgoingRecord) -> None: ...

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group_metadata: object) -> None: ...

    def commit(self) -> dict[TopicPartition, int]:
        """Commit; answers with the highest offset written to each partition in this transaction."""
        ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Producer(Protocol):
    """Idempotent, non-transactional writes with acks=all, for threads (connectors, archiver)."""

    def send_all(self, records: Iterable[OutgoingRecord]) -> list[Position]:
        """Write all and wait. Raises LogUnavailable if any of them is not acknowledged."""
        ...

    def close(self) -> None: ...


class AsyncProducer(Protocol):
    """The same for the gateway's event loop."""

    async def send(self, record: OutgoingRecord) -> Position:
        """Answers when Kafka has acknowledged. Raises LogUnavailable."""
        ...


class TopicAdmin(Protocol):
    def describe(self) -> dict[str, TopicSpec]:
        """The `sealane.*` topics that exist, with the settings that differ from the broker's defaults."""
        ...

    def create(self, specs: Iterable[TopicSpec]) -> None: ...

    def add_partitions(self, name: str, total: int) -> None: ...

    def set_config(self, name: str, config: Mapping[str, str]) -> None: ...

    def group_offsets(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """What the group has committed, where it has; waits until no transaction is about to move it."""
        ...

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Refused with LogUnavailable while the group has members."""
        ...

    def misplaced(self, names: Iterable[str]) -> tuple[ReplicaMove, ...]:
        """Partitions of these topics whose replicas are on other brokers than they should; their order is no matter."""
        ...

    def place(self, moves: Iterable[ReplicaMove]) -> None:
        """Kafka copies in the background; returns when it has begun. Raises LogUnavailable."""
        ...


class ClusterAdmin(Protocol):
    """The brokers of all regions, as people who look after them see them."""

    def state(self) -> ClusterState:
        """Raises LogUnavailable."""
        ...

    def lead(self, moves: Iterable[ReplicaMove]) -> None:
        """Prefer the first of these replicas as leaders, and make them so where they are in sync."""
        ...


class Decision(msgspec.Struct, frozen=True):
    """What became of a command: its events, or the refusal (`command.rejected`), and where the log has them.

    `position` is that of the last of them: as text, the consistency token.
    """

    events: tuple[EventEnvelope, ...]
    position: Position
    code: str = ""
    detail: str = ""

    @property
    def accepted(self) -> bool:
        return not self.code


class DecisionTimeout(Exception):
    """The command is safely in the log, but no decision was seen in time. It will be decided: ask again later."""


class CommandBus(Protocol):
    """The gateway's way to write: send a command and wait for its decision."""

    async def execute(self, command: CommandEnvelope, timeout_seconds: float = 10.0) -> Decision:
        """Raises LogUnavailable (nothing was written) or DecisionTimeout."""
        ...

    async def send(self, command: CommandEnvelope) -> Position:
        """Only durable, not decided: for reports of agents."""
        ...


class EventTail(Protocol):
    """Live events of all regions from now on, fanned out to subscribers of one process."""

    def subscribe(self, topics: frozenset[str]) -> AsyncIterator[tuple[Position, EventEnvelope]]: ...


class ObjectStore(Protocol):
    """Immutable blobs by key (`logs/<run>/<job>/<attempt>/<first-chunk>.zst`). Keys are slash-separated, safe names."""

    def put(self, key: str, data: bytes) -> None:
        """Atomic; writing the same key again replaces it."""
        ...

    def get(self, key: str) -> bytes:
        """Raises KeyError."""
        ...

    def holds(self, key: str) -> bool: ...

    def keys(self, prefix: str) -> list[str]: ...

    def delete(self, key: str) -> None: ...
