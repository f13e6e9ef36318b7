"""Cursors: the sort key of a page's last row, opaque to whoever gets it. Pages stay right while rows are added."""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, RowMapping, tuple_

from projections.queries.types import Page

MAX_LIMIT = 500
T = TypeVar("T")


class InvalidCursor(ValueError):
    """A cursor that this query did not make."""

    code = "cursor-invalid"

    def __init__(self, cursor: str) -> None:
        super().__init__(f"'{cursor[:100]}' is not a cursor of this list; take `next_cursor` of its last page")


def encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The values, of these types. Raises InvalidCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return list(msgspec.json.decode(raw, type=tuple[tuple(kinds)]))  # type: ignore[misc]
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidCursor(cursor) from error


class Keyset:
    """An order by columns (all descending, or all ascending) and the condition that follows a cursor."""

    def __init__(self, *columns: ColumnElement[Any], ascending: bool = False) -> None:
        self.columns = columns
        self._ascending = ascending

    @property
    def order(self) -> list[ColumnElement[Any]]:
        return [column.asc() if self._ascending else column.desc() for column in self.columns]

    def after(self, cursor: str | None) -> list[ColumnElement[bool]]:
        """Conditions, none for the first page. Raises InvalidCursor."""
        if not cursor:
            return []
        values = decode(cursor, [datetime if _is_time(column) else _python_type(column) for column in self.columns])
        place, last = tuple_(*self.columns), tuple_(*values)
        return [place > last if self._ascending else place < last]

    def page(self, rows: Sequence[RowMapping], limit: int, item: Callable[[RowMapping], T]) -> Page[T]:
        """The page from `limit` + 1 fetched rows: the extra one only says that there is more."""
        shown = rows[:limit]
        more = len(rows) > limit
        key = [shown[-1][str(column.key)] for column in self.columns] if more else None
        return Page(items=tuple(map(item, shown)), next_cursor=encode(key) if key else None)


def bounded(limit: int) -> int:
    return max(1, min(limit, MAX_LIMIT))


def _is_time(column: ColumnElement[Any]) -> bool:
    return _python_type(column) is datetime


def _python_type(column: ColumnElement[Any]) -> type:
    return column.type.python_type
