"""ViewStore in memory: the rows of the views by table and key, with Postgres' rules for transactions.

Rows are held as they would come out of Postgres with JSON as text, so that two sets of views can be compared.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any

import psycopg
from sqlalchemy import Table

from core.eventlog.chain import GENESIS
from core.eventlog.topics import EVENTS_TOPICS
from core.ports import TopicPartition
from projections.changes import Changes, Key, Row, TableChanges
from projections.offsets import OffsetsMoved
from projections.writer import is_renewed

Rows = dict[Key, Row]
Undo = list[Callable[[], None]]
# The projector's commits are lazy (infra/postgres/connections.py): so many of the last may not be on the disk.
LAZY_COMMITS = 12


class MemoryViews:
    """One schema. `on_call(owner, operation)` is asked before each call."""

    def __init__(self, on_call: Callable[[str, str], None] = lambda owner, operation: None) -> None:
        self.on_call = on_call
        self.tables: dict[str, Rows] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self.halted: dict[TopicPartition, str] = {}
        self.writer: MemoryViewStore | None = None
        self._lazy: deque[Undo] = deque(maxlen=LAZY_COMMITS)

    @property
    def in_transaction(self) -> bool:
        """Whether the writer has changed something that it may still take back."""
        return self.writer is not None and self.writer.dirty

    def keep(self, undo: Undo) -> None:
        """A commit, and what would take it back."""
        self._lazy.append(undo)

    def crash(self, lost: int) -> None:
        """The server dies and comes back: the writer's connection is gone, and so are the `lost` last lazy commits."""
        if self.writer is not None:
            self.writer.close()
        for _ in range(min(lost, len(self._lazy))):
            _take_back(self._lazy.pop())
        self._lazy.clear()


class MemoryViewStore:
    """See projections.store.ViewStore."""

    def __init__(self, views: MemoryViews, owner: str = "projector") -> None:
        self._views = views
        self._owner = owner
        self._open = True
        self._undo: Undo = []
        self._call("connect")

    @property
    def dirty(self) -> bool:
        return bool(self._undo)

    def lock(self) -> bool:
        self._call("lock")
        if self._views.writer is None:
            self._views.writer = self
        return self._views.writer is self

    def load(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        self._call("load")
        halted, self._views.halted = self._views.halted, {}
        self._undo.append(lambda: self._views.halted.update(halted))
        return {where: self._views.offsets.get(where, 0) for where in sorted(set(partitions))}

    def chain_heads(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, str]:
        self._call("chain_heads")
        heads = {where: GENESIS for where in partitions if where.topic in EVENTS_TOPICS}
        for row in self._views.tables.get("audit", {}).values():
            where = TopicPartition(row["topic"], row["partition"])
            heads[where] = row["chain"]
        return heads

    def advance(self, before: Mapping[TopicPartition, int], after: Mapping[TopicPartition, int]) -> None:
        self._call("advance")
        offsets = self._views.offsets
        moved = sorted(where for where in after if offsets.get(where, 0) != before[where])
        if moved:
            raise OffsetsMoved(f"{len(moved)} of {len(after)} partitions were moved by another projector")
        known = {where: offsets.get(where, 0) for where in after}
        self._undo.append(lambda: offsets.update(known))
        offsets.update(after)

    def write(self, changes: Changes, copy: bool) -> None:
        self._call("write")
        for table_changes in changes.tables.values():
            self._write_table(table_changes, copy)

    def halt(self, partition: TopicPartition, reason: str) -> None:
        self._call("halt")
        self._views.halted[partition] = reason
        self._undo.append(lambda: _forget(self._views.halted, partition))

    def commit(self) -> None:
        self._call("commit")
        self._views.keep(self._undo)
        self._undo = []

    def rollback(self) -> None:
        _take_back(self._undo)

    def close(self) -> None:
        """The server notices, whatever has become of the client: the lock is free again."""
        if self._open:
            self._open = False
            self.rollback()
            if self._views.writer is self:
                self._views.writer = None

    def _call(self, operation: str) -> None:
        self._views.on_call(self._owner, f"views.{operation}")
        if not self._open:
            raise psycopg.OperationalError("the connection is closed")

    def _write_table(self, changes: TableChanges, copy: bool) -> None:
        table = changes.table
        rows = self._views.tables.setdefault(table.name, {})
        defaults = _defaults(table)
        for key in changes.deletes:
            self._put(rows, key, None)
        for key, row in changes.ensures.items():
            if key not in rows:
                self._put(rows, key, {**defaults, **row})
        for key, row in changes.puts.items():
            if copy and key in rows and not is_renewed(table):
                raise psycopg.errors.UniqueViolation(f"{table.name} {key} is there already")
            self._put(rows, key, {**defaults, **row})
        for key, row in changes.sets.items():
            if key in rows:
                self._put(rows, key, {**rows[key], **row})
        for values in changes.appends:
            row = dict(zip(defaults, values, strict=True))
            key = changes.key_of(row)
            if copy and key in rows:
                raise psycopg.errors.UniqueViolation(f"{table.name} {key} is there already")
            self._put(rows, key, row)

    def _put(self, rows: Rows, key: Key, row: Row | None) -> None:
        self._undo.append(partial(_set, rows, key, rows.get(key)))
        _set(rows, key, row)


def _take_back(undo: Undo) -> None:
    while undo:
        undo.pop()()


def _forget(halted: dict[TopicPartition, str], partition: TopicPartition) -> None:
    halted.pop(partition, None)


def _set(rows: Rows, key: Key, row: Row | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row


@cache
def _defaults(table: Table) -> dict[str, Any]:
    return {column.name: column.info.get("default") for column in table.columns}
