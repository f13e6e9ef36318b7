"""Row 3: events/s into Postgres, exactly once, beside a COPY of the very rows that come of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from infra.kafka.connection import Connection
from infra.kafka.reader import KafkaLogReader
from infra.postgres.connections import connector, sqlalchemy_url
from projections.migrations.runner import migrate
from projections.projector import Projector, partitions_of
from projections.store import stores
from tests.benchmarks.history import write_history
from tests.benchmarks.measure import Bench, Line, Row, expect
from tests.benchmarks.servers import broker, database
from tests.support.household import TOPOLOGY
from tests.support.servers import fresh_database

GOAL_RATIO = 0.4
_SCHEMA = "sealane"
_Database = psycopg.Connection[tuple[Any, ...]]


def measure(bench: Bench) -> Row:
    runs = bench.size(1000, 10)
    ours: list[float] = []
    raw: list[float] = []
    with broker(TOPOLOGY) as connection, database() as server:
        with bench.step(f"row 3: {runs:,} runs decided and written"):
            records = write_history(connection, runs)
        for repetition in range(bench.repetitions + 1):
            with bench.step(f"row 3: repetition {repetition} of {bench.repetitions} (0 warms up)"):
                with _views(server) as dsn:
                    figure = records / project(connection, dsn, records)
                    rows = _rows(dsn)
                    check = _check(dsn, rows, records, runs)
                with _views(server) as dsn:
                    limit = records / _copy(dsn, rows)
            if repetition:
                ours.append(figure)
                raw.append(limit)
    return Row(
        3,
        "Projection: events/s into Postgres, exactly once, fsync on",
        "COPY of the same final rows into the same empty tables with the same indexes, one transaction",
        [Line("events projected", "events/s", ours, raw, GOAL_RATIO)],
        [check],
    )


@contextmanager
def _views(server: str) -> Iterator[str]:
    with fresh_database(server) as dsn:
        migrate(sqlalchemy_url(dsn).render_as_string(hide_password=False), _SCHEMA)
        yield dsn


def project(connection: Connection, dsn: str, records: int) -> float:
    reader = KafkaLogReader(connection, "bench-projector")
    projector = Projector(reader, stores(connector(dsn, _SCHEMA)), partitions_of(TOPOLOGY))
    started = time.perf_counter()
    done = 0
    while done < records:
        done += projector.run_once(1.0)
    seconds = time.perf_counter() - started
    expect(projector.run_once(0) == 0, "it projects more than there is")
    projector.close()
    return seconds


def _rows(dsn: str) -> dict[str, bytes]:
    """Every table as COPY writes it."""
    with _open(dsn) as database:
        tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (_SCHEMA,)).fetchall()
        names = [name for (name,) in tables if name not in ("view_migrations", "projection_offsets")]
        return {name: _dump(database, name) for name in names}


def _dump(database: _Database, table: str) -> bytes:
    statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with database.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(part) for part in copy)


def _copy(dsn: str, rows: Mapping[str, bytes]) -> float:
    with _open(dsn) as database:
        started = time.perf_counter()
        for table, data in rows.items():
            statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
            with database.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(data)
        database.commit()
        return time.perf_counter() - started


def _check(dsn: str, rows: Mapping[str, bytes], records: int, runs: int) -> str:
    with _open(dsn) as database:
        found = database.execute(
            "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM deliveries),"
            " (SELECT count(*) FROM runs WHERE outcome = 'success'),"
            " (SELECT count(*) FROM steps WHERE outcome = 'success')"
        ).fetchone()
    assert found is not None
    audit, deliveries, finished, steps = found
    expect(audit + deliveries == records, f"{audit} events and {deliveries} deliveries of {records} records")
    expect(finished == runs and steps == runs * 10, f"{finished} of {runs} runs, {steps} steps")
    lines = sum(data.count(b"\n") for data in rows.values())
    return (
        f"{records:,} records gave {audit:,} rows of audit, {finished:,} runs, {steps:,} steps, {lines:,} rows in all"
    )


def _open(dsn: str) -> _Database:
    return connector(dsn, _SCHEMA)()
