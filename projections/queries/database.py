"""The read side's way to Postgres: short reads on pooled connections, and a snapshot where several must agree."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Executable, RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


class ReadSide:
    """All queries take one of these first. Made by infra/postgres/connections.py."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._several = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        async with self._single.connect() as connection:
            return (await connection.execute(statement)).mappings().all()

    async def row(self, statement: Executable) -> RowMapping | None:
        """The first row, or None."""
        async with self._single.connect() as connection:
            return (await connection.execute(statement)).mappings().first()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Snapshot"]:
        """Several reads of one instant."""
        async with self._several.connect() as connection:
            yield Snapshot(connection)

    async def close(self) -> None:
        await self._engine.dispose()


class Snapshot:
    """Reads inside one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        return (await self._connection.execute(statement)).mappings().all()

    async def row(self, statement: Executable) -> RowMapping | None:
        return (await self._connection.execute(statement)).mappings().first()


def fields(row: RowMapping, **changed: Any) -> dict[str, Any]:
    """A row as keyword arguments, some of them replaced."""
    return {**row, **changed}


def sql(statement: str, **values: Any) -> TextClause:
    """A statement as text, for what reads better so; values are always bound, never written into it."""
    return text(statement).bindparams(**values)


def convert(row: RowMapping | dict[str, Any], type_: type[T], **extra: Any) -> T:
    """The row with `extra` as a struct; columns it doesn't have are left out."""
    # SQLAlchemy's names are a subclass of str, which msgspec does not take for a key.
    values = {str(name): value for name, value in {**row, **extra}.items()}
    return msgspec.convert(values, type_)


def seconds_between(start: Any, end: Any) -> float | None:
    """None unless both are known. What goes on still is timed by who shows it."""
    return (end - start).total_seconds() if start is not None and end is not None else None
