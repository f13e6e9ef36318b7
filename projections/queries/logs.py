"""What is archived of an attempt's log."""

from projections.queries.database import ReadSide, convert, sql
from projections.queries.types import ArchivedLog, LogGap, LogSegment


async def archived_log(db: ReadSide, attempt_key: str) -> ArchivedLog:
    """Segments and gaps in order; empty where nothing is archived (yet)."""
    rows = await db.rows(sql("SELECT * FROM log_segments WHERE attempt_key = :key ORDER BY first_seq", key=attempt_key))
    missing = await db.rows(sql("SELECT * FROM log_gaps WHERE attempt_key = :key ORDER BY first_seq", key=attempt_key))
    segments = tuple(convert(row, LogSegment) for row in rows)
    return ArchivedLog(
        attempt_key=attempt_key,
        segments=segments,
        gaps=tuple(convert(row, LogGap) for row in missing),
        next_seq=segments[-1].last_seq + 1 if segments else 0,
        complete=bool(segments) and segments[-1].last,
    )
