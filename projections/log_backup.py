"""Archived logs as part of an export: the objects, and the index that only Postgres holds; and back again."""

import hashlib
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from core.ports import ObjectStore
from projections.tables import CARRIED_OVER, logbook

Connection = psycopg.Connection[tuple[Any, ...]]
INDEX_KEY = "logs-index.z"
_SEGMENT_COLUMNS = tuple(column.name for column in logbook.log_segments.columns)
_KEY, _BYTES = _SEGMENT_COLUMNS.index("object_key"), _SEGMENT_COLUMNS.index("bytes")
_NEXT = _SEGMENT_COLUMNS.index("next_offset")
_AT_ONCE = 5000


class LogIndex(msgspec.Struct):
    """The rows of both tables, in the order of their columns."""

    segments: list[list[Any]]
    gaps: list[tuple[str, int, int, str, datetime]]


class StoredObject(msgspec.Struct, frozen=True):
    """What an export must know of an object."""

    key: str
    bytes: int
    sha256: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogIndex).decode


def export_logs(connection: Connection, objects: ObjectStore, export: ObjectStore) -> list[StoredObject]:
    """Copies what the export does not have yet. Answers with all it has then, the index first."""
    before = _sizes(export)
    known = {each[_KEY]: each[_BYTES] for each in before.segments}
    index = _read_index(connection)
    stored = []
    for row in index.segments:
        key = row[_KEY]
        data = export.get(key) if known.get(key) == row[_BYTES] else objects.get(key)
        if known.get(key) != row[_BYTES]:
            export.put(key, data)
        stored.append(_stored(key, data))
    data = zlib.compress(_encode(index))
    export.put(INDEX_KEY, data)
    return [_stored(INDEX_KEY, data), *stored]


def restore_logs(connection: Connection, objects: ObjectStore, export: ObjectStore) -> int:
    """Objects first, then their index. The live log of the new installation is read from its beginning on."""
    index = _decode(zlib.decompress(export.get(INDEX_KEY)))
    for row in index.segments:
        objects.put(row[_KEY], export.get(row[_KEY]))
        row[_NEXT] = 0
    found: tuple[list[Any], list[Any]] = (index.segments, index.gaps)
    for table, rows in zip(CARRIED_OVER, found, strict=True):
        columns = [sql.Identifier(column.name) for column in table.columns]
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(columns),
            sql.SQL(", ").join(sql.Placeholder() for _ in columns),
        )
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)
    connection.commit()
    return len(index.segments)


def _sizes(export: ObjectStore) -> LogIndex:
    """The index of the export so far."""
    try:
        return _decode(zlib.decompress(export.get(INDEX_KEY)))
    except (KeyError, zlib.error, msgspec.DecodeError):
        return LogIndex([], [])


def _read_index(connection: Connection) -> LogIndex:
    segments, gaps = (list(_rows(connection, table.name)) for table in CARRIED_OVER)
    return LogIndex([list(row) for row in segments], gaps)


def _rows(connection: Connection, table: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name=f"export_{table}") as cursor:
        cursor.itersize = _AT_ONCE
        yield from cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))


def _stored(key: str, data: bytes) -> StoredObject:
    return StoredObject(key, len(data), hashlib.sha256(data).hexdigest())
