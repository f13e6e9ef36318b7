"""Views in a database of the test's own, made of a history in the log in memory."""

import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest

from infra.memory.log import MemoryLog
from infra.memory.reader import MemoryLogReader
from infra.postgres.connections import connector, sqlalchemy_url
from infra.postgres.reading import open_read_side
from projections.migrations.runner import migrate
from projections.projector import Projector, partitions_of
from projections.queries.database import ReadSide
from projections.rebuild import Place
from projections.store import stores
from tests.support.household import TOPOLOGY
from tests.support.servers import fresh_database

SCHEMA = "sealane"
NewPlace = Callable[[MemoryLog], Place]


@pytest.fixture(scope="session")
def views_template(postgres: str) -> Iterator[str]:
    """A database with the tables of the views and nothing in them."""
    with fresh_database(postgres) as dsn:
        migrate(_alembic_url(dsn), SCHEMA)
        yield dsn


@pytest.fixture
def database_url(postgres: str, views_template: str) -> Iterator[str]:
    """As everywhere, for this test alone; copied with its tables, which takes half the time of making them."""
    with fresh_database(postgres, views_template) as dsn:
        yield dsn


@pytest.fixture
def new_place(database_url: str) -> NewPlace:
    """Where the views of a log are, migrated."""
    return functools.partial(place_in, database_url)


def place_in(database_url: str, log: MemoryLog) -> Place:
    url = _alembic_url(database_url)
    migrate(url, SCHEMA)
    return Place(
        connect=lambda schema: connector(database_url, schema),
        migrate=lambda schema: migrate(url, schema),
        new_reader=lambda: MemoryLogReader(log),
        partitions=partitions_of(TOPOLOGY),
        schema=SCHEMA,
    )


def _alembic_url(dsn: str) -> str:
    return sqlalchemy_url(dsn).render_as_string(hide_password=False)


class Views(NamedTuple):
    """Views that several tests read and none changes."""

    dsn: str
    place: Place


@contextmanager
def views_of(log: MemoryLog, postgres: str, views_template: str, max_batch: int = 5000) -> Iterator[Views]:
    with fresh_database(postgres, views_template) as dsn:
        views = Views(dsn, place_in(dsn, log))
        project_all(views.place, max_batch)
        yield views


def crowd(views: Views, *inserts: str) -> None:
    """Adds rows, as many as there would be after years, and has Postgres count them."""
    with views.place.connect(views.place.schema)() as connection:
        for insert in inserts:
            connection.execute(insert.encode())
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


@asynccontextmanager
async def reading(dsn: str) -> AsyncIterator[ReadSide]:
    read_side = open_read_side(dsn, connections=2)
    yield read_side
    await read_side.close()


@contextmanager
def projecting(place: Place, max_batch: int = 5000) -> Iterator[Projector]:
    store = stores(place.connect(place.schema))
    projector = Projector(place.new_reader(), store, place.partitions, max_batch=max_batch)
    try:
        yield projector
    finally:
        projector.close()


def project_all(place: Place, max_batch: int = 5000) -> int:
    """Everything there is, in batches of this size; answers with how many records."""
    with projecting(place, max_batch) as projector:
        done = projector.run_once(0)
        # The lock of the one before is gone only when Postgres has noticed the end of its connection.
        deadline = time.monotonic() + 30
        while projector.status.state == "standby":
            assert time.monotonic() < deadline, "another projector holds the lock"
            time.sleep(0.01)
            done = projector.run_once(0)
        return done + sum(iter(lambda: projector.run_once(0), 0))


def count(place: Place, table: str) -> int:
    with place.connect(place.schema)() as connection:
        return _one(connection, f"SELECT count(*) FROM {table}")


def _one(connection: psycopg.Connection[tuple[int, ...]], statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def rows_of(table: str, plan: dict[str, Any]) -> int:
    """How many rows of a table a query plan touched, those it threw away included."""
    touched = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    own = touched * plan["Actual Loops"] if plan.get("Relation Name") == table else 0
    return int(own) + sum(rows_of(table, each) for each in plan.get("Plans", ()))
