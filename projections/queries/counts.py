"""A few numbers for status pages."""

from projections.queries.database import ReadSide, sql


async def counts(db: ReadSide) -> dict[str, int]:
    """Runs and rollouts that are not finished, attempts that wait or are with an agent, agents, approvals asked for."""
    row = await db.row(
        sql(
            """SELECT (SELECT count(*) FROM runs WHERE state <> 'finished') AS active_runs,
            (SELECT count(*) FROM rollouts WHERE state <> 'finished') AS active_rollouts,
            (SELECT count(*) FROM queue WHERE state = 'waiting') AS waiting_jobs,
            (SELECT count(*) FROM queue WHERE state <> 'waiting') AS leased_jobs,
            (SELECT count(*) FROM agents WHERE connected AND gone = '') AS agents,
            (SELECT count(*) FROM approvals WHERE state = 'pending')
            + (SELECT count(*) FROM rollout_approvals WHERE state = 'pending') AS pending_approvals"""
        )
    )
    return dict(row or {})
