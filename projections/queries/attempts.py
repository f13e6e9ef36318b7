"""What a viewer of a log must know of an attempt."""

from datetime import datetime

import msgspec
from sqlalchemy import select

from projections.queries.database import ReadSide
from projections.tables.runs import attempts


class AttemptState(msgspec.Struct, frozen=True, kw_only=True):
    """`log_chunks` is how many chunks the agent said there are, once `finished`; 0 if it never said."""

    key: str
    run_id: str
    job_id: str
    attempt: int
    queued_at: datetime
    finished: bool
    log_chunks: int


async def attempt_state(db: ReadSide, run_id: str, job_id: str, attempt: int | None = None) -> AttemptState | None:
    """The attempt, or the newest one; None where there is none (yet)."""
    statement = select(attempts).where(attempts.c.run_id == run_id, attempts.c.job_id == job_id)
    if attempt is not None:
        statement = statement.where(attempts.c.attempt == attempt)
    row = await db.row(statement.order_by(attempts.c.attempt.desc()).limit(1))
    if row is None:
        return None
    return AttemptState(
        key=f"{run_id}/{job_id}/{row['attempt']}",
        run_id=run_id,
        job_id=job_id,
        attempt=row["attempt"],
        queued_at=row["queued_at"],
        finished=row["state"] == "finished",
        log_chunks=row["log_chunks"],
    )
