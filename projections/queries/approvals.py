"""What waits for somebody's approval, over all runs."""

from projections.queries.database import ReadSide, sql
from projections.queries.run_detail import as_approval
from projections.queries.run_types import Approval


async def pending_approvals(db: ReadSide, limit: int = 200) -> tuple[Approval, ...]:
    """The longest waiting first."""
    rows = await db.rows(
        sql(
            """SELECT a.*, r.app, r.number, r.branch, r.commit, r.title, r.author
        FROM approvals a JOIN runs r ON r.id = a.run_id WHERE a.state = 'pending'
        ORDER BY a.requested_at LIMIT :limit""",
            limit=limit,
        )
    )
    ids = [row["run_id"] for row in rows]
    votes = await db.rows(
        sql("SELECT * FROM approval_votes WHERE run_id = ANY(CAST(:ids AS text[])) ORDER BY version", ids=ids)
    )
    return tuple(as_approval(row, row, votes) for row in rows)
