"""Views made anew from offset 0 in a second schema while reads go on, then swapped in by one transaction.

Interrupted, it goes on where it stopped: the second schema holds its own offsets. Archived logs are no views
(the log keeps chunks for days only) and are carried over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from core.ports import LogReader, TopicPartition
from projections.projector import LogMismatch, Projector
from projections.store import Connect, stores
from projections.tables import CARRIED_OVER

Connection = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[int, int], None]
SECOND = "_rebuild"
_OLD = "_replaced"


class RebuildHalted(Exception):
    """The log holds something this code can't read, or another one is at work; the live views stay as they are."""


@dataclass(frozen=True)
class Place:
    """What a rebuild works on. `connect(schema)` gives a connector, `migrate(schema)` makes or updates a schema."""

    connect: Callable[[str], Connect]
    migrate: Callable[[str], None]
    new_reader: Callable[[], LogReader]
    partitions: frozenset[TopicPartition]
    schema: str

    @property
    def second(self) -> str:
        return self.schema + SECOND


def rebuild(place: Place, progress: Progress = lambda done, total: None) -> None:
    """Fill the second schema, catch up, swap. `progress` gets (offsets done, offsets in all).

    Raises RebuildHalted, LogUnavailable or psycopg.Error; call again to go on. What an earlier one began on another
    log is thrown away.
    """
    place.migrate(place.schema)
    place.migrate(place.second)
    try:
        _rebuild(place, progress)
    except LogMismatch:
        with place.connect(place.second)() as connection:
            drop(connection, place.second)
        place.migrate(place.second)
        _rebuild(place, progress)


def _rebuild(place: Place, progress: Progress) -> None:
    reader = place.new_reader()
    projector = Projector(reader, stores(place.connect(place.second)), place.partitions)
    try:
        _catch_up(projector, projector.lag, progress)
        with place.connect(place.schema)() as connection:
            # Holds the live projector between two batches, so that no reader ever sees the views go back.
            connection.execute("LOCK TABLE projection_offsets IN EXCLUSIVE MODE")
            # Views of another log may be further than this one goes.
            live = {where: min(at, reader.bounds(where)[1]) for where, at in stored_offsets(connection).items()}
            _catch_up(projector, lambda: _behind(reader, live), progress)
            projector.close()
            _swap(connection, place)
    finally:
        projector.close()


def fill_up_to(place: Place, schema: str, limits: dict[TopicPartition, int], progress: Progress) -> None:
    """Project the log into `schema` as far as `limits`. Raises as rebuild(); LogMismatch where it ends before."""
    place.migrate(schema)
    reader = place.new_reader()
    projector = Projector(reader, stores(place.connect(schema)), place.partitions, limits=limits)
    try:
        for where, wanted in limits.items():
            if wanted > (end := reader.bounds(where)[1]):
                raise LogMismatch(
                    f"the views are at offset {wanted} of {where.topic}:{where.partition}, but the log ends at {end}: "
                    "its last records are gone, or it is not the log these views were made from."
                )
        _catch_up(projector, lambda: _behind(reader, limits), progress)
    finally:
        projector.close()


def stored_offsets(connection: Connection) -> dict[TopicPartition, int]:
    rows = connection.execute("SELECT topic, partition, next_offset FROM projection_offsets").fetchall()
    return {TopicPartition(topic, number): offset for topic, number, offset in rows}


def drop(connection: Connection, schema: str) -> None:
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def _catch_up(projector: Projector, remaining: Callable[[], int], progress: Progress) -> None:
    while True:
        worked = projector.run_once(0.2)
        if projector.status.state == "standby":
            raise RebuildHalted("another rebuild or verification of these views is under way: let it end first")
        for partition, halt in projector.status.halted.items():
            raise RebuildHalted(f"{partition.topic}:{partition.partition}, {halt.reason}")
        left = remaining()
        done = sum(projector.projected().values())
        progress(done, done + left)
        if not worked and left == 0:
            return


def _behind(reader: LogReader, wanted: dict[TopicPartition, int]) -> int:
    """Positions step over transaction markers at the end of the log, which no record tells of."""
    reached = reader.positions()
    return sum(max(0, offset - reached.get(partition, 0)) for partition, offset in wanted.items())


def _swap(connection: Connection, place: Place) -> None:
    names = {
        "live": sql.Identifier(place.schema),
        "second": sql.Identifier(place.second),
        "old": sql.Identifier(place.schema + _OLD),
    }
    drop(connection, place.schema + _OLD)
    for table in CARRIED_OVER:
        name = sql.Identifier(table.name)
        connection.execute(sql.SQL("DROP TABLE {second}.{table}").format(table=name, **names))
        connection.execute(sql.SQL("ALTER TABLE {live}.{table} SET SCHEMA {second}").format(table=name, **names))
    connection.execute(sql.SQL("ALTER SCHEMA {live} RENAME TO {old}").format(**names))
    connection.execute(sql.SQL("ALTER SCHEMA {second} RENAME TO {live}").format(**names))
    connection.execute(sql.SQL("DROP SCHEMA {old} CASCADE").format(**names))
    connection.commit()
