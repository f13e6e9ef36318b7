"""What waits for somebody's approval, over all runs and rollouts."""

from projections.queries.database import ReadSide, sql
from projections.queries.rollout_detail import as_approval as as_rollout_approval
from projections.queries.rollout_types import RolloutApproval
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


async def pending_rollout_approvals(db: ReadSide, limit: int = 200) -> tuple[RolloutApproval, ...]:
    """The longest waiting first."""
    rows = await db.rows(
        sql(
            """SELECT a.*, r.app, r.environment, r.number, r.release, r.release_id, r.by
        FROM rollout_approvals a JOIN rollouts r ON r.id = a.rollout_id WHERE a.state = 'pending'
        ORDER BY a.requested_at LIMIT :limit""",
            limit=limit,
        )
    )
    ids = [row["rollout_id"] for row in rows]
    votes = await db.rows(
        sql("SELECT * FROM rollout_votes WHERE rollout_id = ANY(CAST(:ids AS text[])) ORDER BY version", ids=ids)
    )
    return tuple(as_rollout_approval(row, row, votes) for row in rows)
