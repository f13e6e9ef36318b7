"""Writes the changes of a batch into Postgres with few statements: COPY for new rows, one JSON document per
statement for the others.

All SQL is unqualified: the connection's search_path names the schema.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from sqlalchemy import LargeBinary, Table
from sqlalchemy.dialects.postgresql import JSONB

from projections.changes import Changes, Key, Row, TableChanges
from projections.tables import catalog, environments, pools, rollouts, runs

Connection = psycopg.Connection[tuple[Any, ...]]

# Rows that come again under the same key as a matter of course; all others are new when they are put.
_RENEWED = frozenset(
    {
        catalog.schedules,
        catalog.schedule_firings,
        environments.app_environments,
        environments.place_entries,
        environments.quarantine,
        pools.agents,
        rollouts.rollout_hooks,
        rollouts.rollout_requests,
        runs.approvals,
        runs.concurrency,
    }
)
_COPY_FROM_ROWS = 12
# A JSON document of 25 MB takes Postgres seconds to take apart.
_COPY_FROM_BYTES = 256 << 10
_encode = msgspec.json.Encoder().encode


def is_renewed(table: Table) -> bool:
    """Whether rows of this table come again under the same key as a matter of course."""
    return table in _RENEWED


def write(connection: Connection, changes: Changes, copy: bool = True) -> None:
    """Apply the changes inside the caller's transaction.

    Raises psycopg.errors.UniqueViolation where a row that should be new was there: write again with
    `copy=False`, which replaces it.
    """
    for table_changes in changes.tables.values():
        _write_table(connection, table_changes, copy)


def _write_table(connection: Connection, changes: TableChanges, copy: bool) -> None:
    statements = statements_of(changes.table)
    if changes.deletes:
        keys = [dict(zip(statements.key, key, strict=True)) for key in changes.deletes]
        connection.execute(statements.delete, (_document(keys),))
    if changes.ensures:
        connection.execute(statements.ensure, (statements.rows_document(changes.ensures.values()),))
    if changes.puts:
        worth_it = len(changes.puts) >= _COPY_FROM_ROWS or statements.holds_much(changes.puts.values())
        new = copy and not is_renewed(changes.table) and worth_it
        _put(connection, statements, changes.puts.values(), new)
    if changes.sets:
        _set(connection, statements, changes.sets)
    if changes.appends:
        _append(connection, statements, changes.appends, copy)


def _put(connection: Connection, statements: "Statements", rows: Iterable[Row], new: bool) -> None:
    if not new:
        connection.execute(statements.put, (statements.rows_document(rows),))
        return
    _copy(connection, statements, map(statements.full_row, rows))


def _append(connection: Connection, statements: "Statements", rows: Sequence[tuple[Any, ...]], copy: bool) -> None:
    if not copy or len(rows) < _COPY_FROM_ROWS:
        dicts = [dict(zip(statements.columns, row, strict=True)) for row in rows]
        connection.execute(statements.put, (statements.rows_document(dicts),))
        return
    _copy(connection, statements, rows)


class _TimeDumper(Dumper):
    """Psycopg's own takes half of the time of writing a row, for what each row has at least once."""

    def dump(self, obj: datetime) -> bytes:
        return _encode(obj)[1:-1]


def _copy(connection: Connection, statements: "Statements", rows: Iterable[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.adapters.register_dumper(datetime, _TimeDumper)
        with cursor.copy(statements.copy) as copy:
            for row in rows:
                copy.write_row(row)


def _set(connection: Connection, statements: "Statements", sets: dict[Key, Row]) -> None:
    by_columns: dict[tuple[str, ...], list[Row]] = {}
    for key, row in sets.items():
        keyed = dict(zip(statements.key, key, strict=True))
        by_columns.setdefault(tuple(sorted(row)), []).append(statements.encodable(row) | keyed)
    for columns, rows in by_columns.items():
        connection.execute(statements.set(columns), (_document(rows),))


def _document(rows: Any) -> str:
    return _encode(rows).decode()


@cache
def statements_of(table: Table) -> "Statements":
    return Statements(table)


class Statements:
    """The SQL of one table, and its rows as COPY and as JSON want them. As bytes: what is composed is composed once."""

    def __init__(self, table: Table) -> None:
        self.name = sql.Identifier(table.name)
        self.columns = tuple(column.name for column in table.columns)
        self.key = tuple(column.name for column in table.primary_key.columns)
        self._defaults: Row = {column.name: column.info.get("default") for column in table.columns}
        self._json = tuple(column.name for column in table.columns if isinstance(column.type, JSONB))
        self._binary = tuple(column.name for column in table.columns if isinstance(column.type, LargeBinary))
        self._sets: dict[tuple[str, ...], bytes] = {}

    def full_row(self, row: Row) -> list[Any]:
        return list({**self._defaults, **row}.values())

    def holds_much(self, rows: Iterable[Row]) -> bool:
        return any(len(row.get(name) or b"") >= _COPY_FROM_BYTES for row in rows for name in self._binary)

    def rows_document(self, rows: Iterable[Row]) -> str:
        return _document([self.encodable({**self._defaults, **row}) for row in rows])

    def encodable(self, row: Row) -> Row:
        for name in self._json:
            if row.get(name) is not None:
                row = row | {name: msgspec.Raw(row[name].encode())}
        for name in self._binary:
            if row.get(name) is not None:
                row = row | {name: "\\x" + row[name].hex()}
        return row

    @cached_property
    def copy(self) -> bytes:
        return sql.SQL("COPY {} ({}) FROM STDIN").format(self.name, self._list(self.columns)).as_bytes()

    @cached_property
    def put(self) -> bytes:
        values = [name for name in self.columns if name not in self.key]
        update = sql.SQL("UPDATE SET {}").format(
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in values)
        )
        return self._insert(update if values else sql.SQL("NOTHING"))

    @cached_property
    def ensure(self) -> bytes:
        return self._insert(sql.SQL("NOTHING"))

    @cached_property
    def delete(self) -> bytes:
        return sql.SQL("DELETE FROM {0} USING {1} WHERE {2}").format(self.name, self._given, self._same_key).as_bytes()

    def set(self, columns: tuple[str, ...]) -> bytes:
        known = self._sets.get(columns)
        if known is None:
            assignments = sql.SQL(", ").join(
                sql.SQL("{0} = given.{0}").format(sql.Identifier(name)) for name in columns
            )
            statement = sql.SQL("UPDATE {0} SET {1} FROM {2} WHERE {3}")
            known = statement.format(self.name, assignments, self._given, self._same_key).as_bytes()
            self._sets[columns] = known
        return known

    def _insert(self, action: sql.Composable) -> bytes:
        statement = sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2} ON CONFLICT ({3}) DO {4}")
        columns, key = self._list(self.columns), self._list(self.key)
        return statement.format(self.name, columns, self._given, key, action).as_bytes()

    @cached_property
    def _given(self) -> sql.Composed:
        return sql.SQL("json_populate_recordset(NULL::{}, %s::json) AS given").format(self.name)

    @cached_property
    def _same_key(self) -> sql.Composed:
        pairs = (sql.SQL("{0}.{1} = given.{1}").format(self.name, sql.Identifier(name)) for name in self.key)
        return sql.SQL(" AND ").join(pairs)

    @staticmethod
    def _list(names: Iterable[str]) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, names))
