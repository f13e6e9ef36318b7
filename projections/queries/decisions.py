"""The decision of a command, as the audit view has it."""

from sqlalchemy import func, select

from projections.queries.audit import COLUMNS, as_event
from projections.queries.database import ReadSide
from projections.queries.types import AuditEvent
from projections.tables.logbook import audit


async def events_of_command(db: ReadSide, command_id: str) -> tuple[AuditEvent, ...]:
    """The events of one command, in the order of the log. With a trailing dot: of the first command so begun."""
    causation = audit.c.causation_id
    if command_id.endswith("."):
        first = select(func.min(causation)).where(causation.startswith(command_id, autoescape=True)).scalar_subquery()
        condition = causation == first
    else:
        condition = causation == command_id
    statement = select(*COLUMNS).where(condition).order_by(audit.c.topic, audit.c.partition, audit.c.log_offset)
    return tuple(as_event(row) for row in await db.rows(statement))
