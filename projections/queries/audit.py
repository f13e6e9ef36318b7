"""The audit trail: every event, by what people look for it; and where a stream's events lie."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Text, cast, select

from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert, sql
from projections.queries.types import AuditEvent, Page, StreamRange
from projections.tables.logbook import audit

_PLACE = audit.c.topic + ":" + cast(audit.c.partition, Text) + ":" + cast(audit.c.log_offset, Text)
COLUMNS = (
    _PLACE.label("position"),
    *(column for column in audit.c if column.key != "log_offset"),
    audit.c.log_offset,
    audit.c.log_offset.label("offset"),
)
_OF_STREAM = Keyset(audit.c.log_offset, audit.c.partition)
_NEWEST = Keyset(audit.c.recorded_at, audit.c.topic, audit.c.partition, audit.c.log_offset)


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves a thing open."""

    stream: str | None = None
    type: str | None = None
    correlation_id: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_events(
    db: ReadSide, wanted: EventFilter, cursor: str | None = None, limit: int = 50
) -> Page[AuditEvent]:
    """Newest first; those of one stream in the order of the log, whatever the clocks said. Raises InvalidCursor."""
    limit = bounded(limit)
    order = _NEWEST if wanted.stream is None else _OF_STREAM
    conditions = (*_conditions(wanted), *order.after(cursor))
    statement = select(*COLUMNS).where(*conditions).order_by(*order.order).limit(limit + 1)
    return order.page(await db.rows(statement), limit, as_event)


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    equal = ("stream", "type", "correlation_id", "actor")
    given = ((audit.c[name], getattr(wanted, name)) for name in equal)
    conditions = [column == value for column, value in given if value is not None]
    if wanted.since is not None:
        conditions.append(audit.c.recorded_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.recorded_at <= wanted.until)
    return conditions


async def stream_range(db: ReadSide, stream: str) -> StreamRange | None:
    """None where nothing of the stream is projected."""
    row = await db.row(
        sql(
            """SELECT newest.topic, newest.partition, newest.log_offset AS last_offset,
            newest.stream_version AS version, oldest.log_offset AS first_offset
        FROM (SELECT * FROM audit WHERE stream = :stream ORDER BY log_offset DESC LIMIT 1) AS newest,
        LATERAL (SELECT log_offset FROM audit WHERE stream = :stream AND topic = newest.topic
            AND partition = newest.partition ORDER BY log_offset LIMIT 1) AS oldest""",
            stream=stream,
        )
    )
    return convert(row, StreamRange, stream=stream) if row else None


def as_event(row: RowMapping) -> AuditEvent:
    known = {name: row[name] for name in AuditEvent.__struct_fields__ if name != "data"}
    return AuditEvent(**known, data=msgspec.Raw(row["data"].encode()))
