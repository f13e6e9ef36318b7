"""Where the views are kept, as the projector needs it: rows and offsets, changed together or not at all.

Postgres here; the simulation runs the projector over the same port in memory (infra/memory/views.py).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import psycopg

from core.ports import TopicPartition
from projections import offsets
from projections.changes import Changes
from projections.writer import write

Connection = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[[], Connection]
_LOCK_SPACE = 0x5EA1


class ViewStore(Protocol):
    """One connection to the views of one schema; nothing is done before commit().

    Raises psycopg.OperationalError while it is away, psycopg.DataError or IntegrityError for what can't be stored.
    """

    def lock(self) -> bool:
        """Become the one writer of this schema until close(); False while another one is."""
        ...

    def load(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The next offset of each partition; a new one starts at 0, a halted one may try again."""
        ...

    def chain_heads(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, str]:
        """The chain value of the last event that the views have, in each partition of events."""
        ...

    def advance(self, before: Mapping[TopicPartition, int], after: Mapping[TopicPartition, int]) -> None:
        """Move the partitions of `after` on. Raises offsets.OffsetsMoved unless each stands where `before` says."""
        ...

    def write(self, changes: Changes, copy: bool) -> None:
        """`copy`: rows that are put must be new. Raises psycopg.errors.UniqueViolation where one was there."""
        ...

    def halt(self, partition: TopicPartition, reason: str) -> None:
        """Say for everybody to see why the views can't go on in this partition."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


OpenStore = Callable[[], ViewStore]


class PostgresViewStore:
    """See ViewStore. The connection's search_path names the schema; it must not autocommit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> bool:
        row = self._connection.execute(
            "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))",
            (_LOCK_SPACE,),
        ).fetchone()
        self._connection.commit()
        return row is not None and bool(row[0])

    def load(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return offsets.load(self._connection, partitions)

    def chain_heads(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, str]:
        return offsets.chain_heads(self._connection, partitions)

    def advance(self, before: Mapping[TopicPartition, int], after: Mapping[TopicPartition, int]) -> None:
        offsets.advance(self._connection, before, after)

    def write(self, changes: Changes, copy: bool) -> None:
        write(self._connection, changes, copy)

    def halt(self, partition: TopicPartition, reason: str) -> None:
        offsets.halt(self._connection, partition, reason)

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


def stores(connect: Connect) -> OpenStore:
    """Opens the views behind `connect`."""
    return lambda: PostgresViewStore(connect())
