"""Pools, agents and the queue."""

from sqlalchemy import RowMapping

from projections.queries.database import ReadSide, convert, sql
from projections.queries.types import Agent, Pool, QueueEntry


async def list_agents(db: ReadSide, gone: bool = False) -> tuple[Agent, ...]:
    """Those that are there; with `gone` also those that left or were lost."""
    rows = await db.rows(
        sql(
            """SELECT a.*, coalesce(array_agg(q.attempt_key ORDER BY q.queued_at)
                                    FILTER (WHERE q.attempt_key IS NOT NULL),
                                '{}') AS leases
        FROM agents a LEFT JOIN queue q ON q.region = a.region AND q.pool = a.pool AND q.agent_id = a.agent_id
        WHERE :gone OR a.gone = '' GROUP BY a.region, a.pool, a.agent_id ORDER BY a.region, a.pool, a.agent_id""",
            gone=gone,
        )
    )
    return tuple(_as_agent(row) for row in rows)


def _as_agent(row: RowMapping) -> Agent:
    state = row["gone"] or ("draining" if row["draining"] else "connected" if row["connected"] else "disconnected")
    return convert({**row} | {"id": row["agent_id"], "state": state, "busy": len(row["leases"])}, Agent)


async def list_pools(db: ReadSide) -> tuple[Pool, ...]:
    rows = await db.rows(
        sql(
            """SELECT p.region || '/' || p.name AS id, p.region, p.name, coalesce(a.agents, 0) AS agents,
               coalesce(a.slots, 0) AS slots, coalesce(q.busy, 0) AS busy, coalesce(q.queued, 0) AS queued,
               q.oldest_queued_at, p.fallback, p.evacuate_after_seconds, p.evacuated_at, p.evacuated_reason,
               p.evacuated_by
        FROM pools p
        LEFT JOIN (SELECT region, pool, count(*) AS agents, sum(slots) AS slots FROM agents
                   WHERE connected AND NOT draining AND gone = '' GROUP BY region, pool) a
               ON a.region = p.region AND a.pool = p.name
        LEFT JOIN (SELECT region, pool, count(*) FILTER (WHERE state <> 'waiting') AS busy,
                          count(*) FILTER (WHERE state = 'waiting') AS queued,
                          min(queued_at) FILTER (WHERE state = 'waiting') AS oldest_queued_at
                   FROM queue GROUP BY region, pool) q ON q.region = p.region AND q.pool = p.name
        ORDER BY p.region, p.name"""
        )
    )
    return tuple(convert(row, Pool) for row in rows)


async def list_queue(db: ReadSide, region: str | None = None, limit: int = 200) -> tuple[QueueEntry, ...]:
    """What waits or is offered, in the order of priority and age; fair share between apps may reorder it."""
    rows = await db.rows(
        sql(
            """SELECT q.*, r.number,
               row_number() OVER (PARTITION BY q.region, q.pool ORDER BY q.priority DESC, q.queued_at, q.attempt_key)
               AS position
        FROM queue q LEFT JOIN runs r ON r.id = q.run_id
        WHERE q.state IN ('waiting', 'offered') AND (CAST(:region AS text) IS NULL OR q.region = :region)
        ORDER BY q.region, q.pool, position LIMIT :limit""",
            region=region,
            limit=limit,
        )
    )
    return tuple(convert(row, QueueEntry) for row in rows)
