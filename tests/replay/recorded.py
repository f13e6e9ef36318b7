"""Recorded histories: exports of real installations, and what replaying them gives: states and views."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.topics import CONTEXTS, Topology
from infra.memory.admin import MemoryTopicAdmin
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer
from infra.memory.reader import MemoryLogReader
from infra.objects.filesystem import FilesystemObjects
from infra.postgres.connections import connector, sqlalchemy_url
from processors.export.check import complete_manifest
from processors.export.importer import Importer
from processors.kinds import Kinds
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.restore import Restorer
from projections.migrations.runner import migrate
from projections.projector import Projector, partitions_of
from projections.tables import CARRIED_OVER, OFFSETS, metadata

HISTORIES = Path(__file__).parent / "histories"
STATES, VIEWS, EXPORT = "states.json", "views.json", "export"
SCHEMA = "replayed"
Json = dict[str, Any]


def topology_of(history: Path) -> Topology:
    manifest = complete_manifest(FilesystemObjects(history / EXPORT))
    return Topology(manifest.regions, manifest.partitions_per_region)


def restored(history: Path) -> MemoryLog:
    """The log of the history, in memory."""
    log, topology = MemoryLog(), topology_of(history)
    for spec in topology.topic_specs():
        log.create(spec)
    objects = FilesystemObjects(history / EXPORT)
    Importer(
        topology, MemoryLogReader(log), MemoryProducer(log), MemoryTopicAdmin(log), objects, "sealane-processors"
    ).run()
    return log


def states(log: MemoryLog, topology: Topology) -> Json:
    """Every stream's state, as JSON would have it."""
    new_reader: Callable[[], MemoryLogReader] = lambda: MemoryLogReader(log, settled=True)  # noqa: E731
    kinds, options = Kinds(AGGREGATES, POLICIES), ProcessorOptions(retention_seconds=1e9)
    restorer = Restorer(kinds, topology, new_reader, log.clock, options, ProcessorMetrics())
    found: Json = {}
    for context in CONTEXTS:
        for partition in range(topology.partitions):
            for name, live in restorer.restore(context, partition, None).streams.items():
                found[name] = msgspec.to_builtins({"version": live.version, "state": live.state})
    return dict(sorted(found.items()))


def views(log: MemoryLog, topology: Topology, database_url: str) -> Json:
    """Of each view table how many rows, and a digest of each column: one that is new later changes no other."""
    migrate(sqlalchemy_url(database_url).render_as_string(hide_password=False), SCHEMA)
    connect = connector(database_url, SCHEMA)
    projector = Projector(MemoryLogReader(log), connect, partitions_of(topology))
    try:
        while projector.run_once(0):
            assert not projector.status.halted, projector.status.halted
    finally:
        projector.close()
    with connect() as connection:
        tables = [table for table in metadata.sorted_tables if table not in CARRIED_OVER and table is not OFFSETS]
        return {table.name: _digests(connection, table) for table in sorted(tables, key=lambda table: table.name)}


def _digests(connection: psycopg.Connection[Any], table: Any) -> Json:
    names = [column.name for column in table.columns]
    order = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key.columns)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {} ORDER BY {}").format(columns, sql.Identifier(table.name), order)
    ).fetchall()
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    digests = {
        name: hashlib.sha256(repr(column).encode()).hexdigest()[:16] for name, column in zip(names, values, strict=True)
    }
    return {"rows": len(rows), "columns": digests}
