"""Are the live views what the log says? Projects the same part of the log again and compares row by row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

import psycopg
from psycopg import IsolationLevel, sql
from sqlalchemy import Table

from projections.rebuild import Place, Progress, RebuildHalted, drop, fill_up_to, stored_offsets
from projections.tables import CARRIED_OVER, OFFSETS, logbook, metadata

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
CHECKING = "_check"
# The views whose rows never change, and when each row's record was written.
RECORDED_AT = {
    logbook.audit: "recorded_at",
    logbook.deliveries: "received_at",
    logbook.delivery_apps: "received_at",
    logbook.dead_letters: "recorded_at",
}
_ROWS_AT_ONCE = 2000
_LOCK_SPACE = 0x5EA2


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


@dataclass
class Verified:
    """What was compared: records projected again, rows, and the first difference (None: there is none)."""

    records: int = 0
    rows: int = 0
    difference: Difference | None = None


def verify(
    place: Place,
    projecting: Progress = lambda done, total: None,
    comparing: Progress = lambda done, total: None,
    until: datetime | None = None,
) -> Verified:
    """Compares the live views, as they are now, with the log projected up to the same offsets.

    With `until` only what never changes: the records of the log, as far as they were recorded until then. Reads and
    projecting go on meanwhile. Raises as rebuild(), and LogMismatch where the views are further than the log.
    """
    checking = place.schema + CHECKING
    with place.connect(place.schema)() as live:
        live.isolation_level = IsolationLevel.REPEATABLE_READ
        _insist_on_being_alone(live, checking)
        limits = stored_offsets(live)
        with place.connect(checking)() as rebuilt:
            drop(rebuilt, checking)
            rebuilt.commit()
            try:
                fill_up_to(place, checking, limits, projecting)
                result = first_difference(live, rebuilt, comparing, until)
            finally:
                rebuilt.rollback()
                drop(rebuilt, checking)
                rebuilt.commit()
    result.records = sum(limits.values())
    return result


def first_difference(
    live: Connection,
    rebuilt: Connection,
    progress: Progress = lambda done, total: None,
    until: datetime | None = None,
) -> Verified:
    """Compares the views of two connections' schemas, in the order of tables and primary keys, up to a difference."""
    result = Verified()
    tables = [table for table in metadata.sorted_tables if table not in CARRIED_OVER and table is not OFFSETS]
    if until is not None:
        tables = [table for table in tables if table in RECORDED_AT]
    total = sum(_count(live, table) for table in tables)
    for table in tables:
        for ours, theirs in zip_longest(_rows(live, table, until), _rows(rebuilt, table, until)):
            if ours != theirs:
                result.difference = _difference(table, ours, theirs)
                return result
            result.rows += 1
            if result.rows % _ROWS_AT_ONCE == 0:
                progress(result.rows, total)
    progress(result.rows, total)
    return result


def _insist_on_being_alone(connection: Connection, checking: str) -> None:
    """Two verifications would fill one schema. The lock ends with the transaction."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_SPACE, checking)).fetchone()
    if row is None or not row[0]:
        raise RebuildHalted("another verification of these views is under way: let it end first")


def _count(connection: Connection, table: Table) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))).fetchone()
    return int(row[0]) if row else 0


def _rows(connection: Connection, table: Table, until: datetime | None) -> Iterator[Row]:
    """All rows by primary key, in the bytes' order, which Python's comparison of UTF-8 agrees with."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    order = sql.SQL(", ").join(_ordered(column.name, column.type.python_type) for column in table.primary_key.columns)
    chosen: sql.Composable = sql.SQL("")
    if until is not None:
        chosen = sql.SQL("WHERE {} <= {}").format(sql.Identifier(RECORDED_AT[table]), sql.Literal(until))
    statement = sql.SQL("SELECT {} FROM {} {} ORDER BY {}").format(columns, sql.Identifier(table.name), chosen, order)
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
