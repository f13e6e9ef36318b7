"""The row changes that a batch of events amounts to, collected in memory: the last word on each row, once.

put:    the row is this, whatever was there (columns not named get their defaults)
set:    change these columns, if the row is there
ensure: the row is this, unless it is there
delete: the row is gone
append: a whole row, in the order of the table's columns, that can't be there yet

Applied in order of deletes, ensures, puts, sets, a batch gives the same rows as its events one by one; so a
view that ensures a row must not have set anything in it before.
"""

from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Table

Row = dict[str, Any]
Key = tuple[Any, ...]


class TableChanges:
    """The changes to one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.puts: dict[Key, Row] = {}
        self.sets: dict[Key, Row] = {}
        self.ensures: dict[Key, Row] = {}
        self.deletes: set[Key] = set()
        self.appends: list[tuple[Any, ...]] = []
        self.key_of = _key_getter(table)

    def put(self, row: Row) -> None:
        key = self.key_of(row)
        self.puts[key] = row
        self.sets.pop(key, None)
        self.ensures.pop(key, None)

    def set(self, key: Key, row: Row) -> None:
        known = self.puts.get(key) or self.sets.get(key)
        if known is not None:
            known.update(row)
        elif key not in self.deletes:
            self.sets[key] = row

    def ensure(self, row: Row) -> None:
        key = self.key_of(row)
        if key not in self.puts:
            self.ensures.setdefault(key, row)

    def delete(self, key: Key) -> None:
        self.puts.pop(key, None)
        self.sets.pop(key, None)
        self.ensures.pop(key, None)
        self.deletes.add(key)


class Changes:
    """The changes of one batch, by table."""

    def __init__(self) -> None:
        self.tables: dict[Table, TableChanges] = {}

    def of(self, table: Table) -> TableChanges:
        found = self.tables.get(table)
        if found is None:
            found = self.tables[table] = TableChanges(table)
        return found

    def put(self, table: Table, **row: Any) -> None:
        self.of(table).put(row)

    def set(self, table: Table, key: Key, **row: Any) -> None:
        """`key` are the values of the primary key, in its order."""
        self.of(table).set(key, row)

    def ensure(self, table: Table, **row: Any) -> None:
        self.of(table).ensure(row)

    def delete(self, table: Table, key: Key) -> None:
        self.of(table).delete(key)


@cache
def _key_getter(table: Table) -> Any:
    names = [column.name for column in table.primary_key.columns]
    if len(names) > 1:
        return itemgetter(*names)
    name = names[0]
    return lambda row: (row[name],)
