"""Are the live views what the log says? Projects the same part of the log again and compares row by row."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import psycopg
from psycopg import IsolationLevel, sql
from sqlalchemy import Table

from projections.rebuild import Place, Progress, drop, fill_up_to, stored_offsets
from projections.tables import CARRIED_OVER, OFFSETS, metadata

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
CHECKING = "_check"
_ROWS_AT_ONCE = 2000


class Difference(NamedTuple):
    """The first row that differs. `live` or `rebuilt` is None where the row is missing there."""

    table: str
    key: Row
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None

    def __str__(self) -> str:
        key = ", ".join(map(str, self.key))
        if self.live is None or self.rebuilt is None:
            where = "live views" if self.live is None else "log's own account"
            return f"{self.table} ({key}) is missing in the {where}"
        names = [name for name, value in self.live.items() if self.rebuilt[name] != value]
        what = "; ".join(f"{name} is {self.live[name]!r}, should be {self.rebuilt[name]!r}" for name in names)
        return f"{self.table} ({key}): {what}"


def verify(place: Place, progress: Progress = lambda done, total: None) -> Difference | None:
    """The first difference between the live views, as they are now, and the log projected up to the same offsets.

    None: there is none. Reads and projecting go on meanwhile. Raises as rebuild().
    """
    checking = place.schema + CHECKING
    with place.connect(place.schema)() as live:
        live.isolation_level = IsolationLevel.REPEATABLE_READ
        limits = stored_offsets(live)
        with place.connect(checking)() as rebuilt:
            drop(rebuilt, checking)
            rebuilt.commit()
            try:
                fill_up_to(place, checking, limits, progress)
                return first_difference(live, rebuilt)
            finally:
                rebuilt.rollback()
                drop(rebuilt, checking)


def first_difference(live: Connection, rebuilt: Connection) -> Difference | None:
    """Compares the views of two connections' schemas, in the order of tables and primary keys."""
    for table in metadata.sorted_tables:
        if table in CARRIED_OVER or table is OFFSETS:
            continue
        for ours, theirs in zip_longest(_rows(live, table), _rows(rebuilt, table)):
            if ours != theirs:
                return _difference(table, ours, theirs)
    return None


def _rows(connection: Connection, table: Table) -> Iterator[Row]:
    """All rows by primary key, in the bytes' order, which Python's comparison of UTF-8 agrees with."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    order = sql.SQL(", ").join(_ordered(column.name, column.type.python_type) for column in table.primary_key.columns)
    statement = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(columns, sql.Identifier(table.name), order)
    with connection.cursor(name=f"compare_{table.name}") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        yield from cursor.execute(statement)


def _ordered(name: str, kind: type) -> sql.Composed:
    collation = sql.SQL(' COLLATE "C"') if kind is str else sql.SQL("")
    return sql.Identifier(name) + collation


def _difference(table: Table, ours: Row | None, theirs: Row | None) -> Difference:
    names = [column.name for column in table.columns]
    key_names = [column.name for column in table.primary_key.columns]
    live = dict(zip(names, ours, strict=True)) if ours is not None else None
    rebuilt = dict(zip(names, theirs, strict=True)) if theirs is not None else None
    keys = [tuple(row[name] for name in key_names) for row in (live, rebuilt) if row is not None]
    if len(keys) == 2 and keys[0] != keys[1]:
        # A row is missing on one side: the one that comes later in the order belongs to a later row.
        if keys[0] < keys[1]:
            rebuilt = None
        else:
            live = None
    return Difference(table.name, min(keys), live, rebuilt)
