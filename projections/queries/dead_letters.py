"""Records that nobody could read, as they were put aside."""

from sqlalchemy import Text, cast, literal, select

from core.eventlog.topics import DEAD_LETTERS_TOPIC
from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert
from projections.queries.types import DeadLetter, Page
from projections.tables.logbook import dead_letters

_PLACE = literal(f"{DEAD_LETTERS_TOPIC}:") + cast(dead_letters.c.partition, Text)
_POSITION = (_PLACE + ":" + cast(dead_letters.c.log_offset, Text)).label("position")
_NEWEST = Keyset(dead_letters.c.recorded_at, dead_letters.c.partition, dead_letters.c.log_offset)


async def list_dead_letters(db: ReadSide, cursor: str | None = None, limit: int = 50) -> Page[DeadLetter]:
    """Newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    statement = select(_POSITION, *dead_letters.c).where(*_NEWEST.after(cursor)).order_by(*_NEWEST.order)
    return _NEWEST.page(await db.rows(statement.limit(limit + 1)), limit, lambda row: convert(row, DeadLetter))
