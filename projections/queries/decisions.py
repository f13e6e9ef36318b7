"""The decision of a command, as the audit view has it; found by the index `audit_of_command`."""

from sqlalchemy import ColumnElement, select

from projections.queries.audit import COLUMNS, as_event
from projections.queries.database import ReadSide
from projections.queries.types import AuditEvent
from projections.tables.logbook import audit

_ORDER = (audit.c.topic, audit.c.partition, audit.c.log_offset)


async def events_of_command(db: ReadSide, command_id: str) -> tuple[AuditEvent, ...]:
    """The events of one command, in the order of the log; none while it is undecided or not projected."""
    return await _events(db, audit.c.causation_id == command_id)


async def events_of_scope(db: ReadSide, scope: str) -> tuple[AuditEvent, ...]:
    """The events of the first command whose id is `scope`, a dot, and anything."""
    front = audit.c.causation_id.op("~>=~")(f"{scope}."), audit.c.causation_id.op("~<~")(f"{scope}/")
    statement = select(audit.c.causation_id).where(*front)
    row = await db.row(statement.order_by(audit.c.recorded_at).limit(1))
    return await events_of_command(db, row["causation_id"]) if row else ()


async def _events(db: ReadSide, condition: ColumnElement[bool]) -> tuple[AuditEvent, ...]:
    statement = select(*COLUMNS).where(condition).order_by(*_ORDER)
    return tuple(as_event(row) for row in await db.rows(statement))
