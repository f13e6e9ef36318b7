"""How much waits, runs and is late, from the views: asked for when somebody wants to know."""

from collections.abc import Callable
from typing import NamedTuple

from core.ports import TopicPartition
from infra.postgres.connections import Connection, connector
from projections.migrations.runner import DEFAULT_SCHEMA

QUANTILES = (0.5, 0.95, 1.0)
AGENT_STATES = ("connected", "draining", "disconnected", "lost")
_TIMEOUT = "SET statement_timeout = '5s'"
_POOLS = """
SELECT p.region, p.name, count(*) FILTER (WHERE q.state = 'waiting'), count(*) FILTER (WHERE q.state = 'offered'),
       count(*) FILTER (WHERE q.state = 'leased'),
       coalesce(extract(epoch FROM now() - min(q.queued_at) FILTER (WHERE q.state = 'waiting')), 0)::float8
FROM pools p LEFT JOIN queue q ON q.region = p.region AND q.pool = p.name GROUP BY p.region, p.name
"""
_AGENTS = """
SELECT region, pool, CASE WHEN gone <> '' THEN gone WHEN draining THEN 'draining' WHEN connected THEN 'connected'
                          ELSE 'disconnected' END AS state, count(*)
FROM agents WHERE gone = '' OR (gone = 'lost' AND gone_at > now() - interval '1 hour') GROUP BY region, pool, state
"""
_DELAYS = """
SELECT percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY extract(epoch FROM r.created_at - d.received_at)::float8)
FROM runs r JOIN deliveries d ON d.delivery_id = r.delivery_id AND d.received_at <= r.created_at
WHERE r.created_at > now() - interval '10 minutes'
"""
_COUNTS = """
SELECT (SELECT count(*) FROM runs WHERE state <> 'finished'), (SELECT count(*) FROM rollouts WHERE state <> 'finished'),
       (SELECT count(*) FROM approvals WHERE state = 'pending')
       + (SELECT count(*) FROM rollout_approvals WHERE state = 'pending'),
       (SELECT count(*) FROM dead_letters), (SELECT count(*) FROM log_gaps)
"""
_NOTIFICATIONS = """
SELECT (SELECT count(*) FROM notifications WHERE state = 'pending'),
       (SELECT coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8 FROM notifications
        WHERE state = 'pending'),
       (SELECT count(*) FROM subscriptions WHERE NOT enabled AND disabled_code <> 'by-hand')
"""


class PoolFacts(NamedTuple):
    region: str
    pool: str
    waiting: int
    offered: int
    leased: int
    oldest_waiting_seconds: float


class Counts(NamedTuple):
    active_runs: int
    active_rollouts: int
    pending_approvals: int
    dead_letters: int
    log_gaps: int


class NotificationFacts(NamedTuple):
    """`given_up` counts the subscriptions that were disabled because their endpoint failed or is gone."""

    pending: int
    oldest_pending_seconds: float
    given_up: int


class ViewFacts(NamedTuple):
    """`agents` counts by (region, pool, state), those lost within the last hour included.

    `delays` are seconds from a delivery to its run in the last ten minutes, for QUANTILES; none without a run.
    """

    pools: tuple[PoolFacts, ...]
    agents: dict[tuple[str, str, str], int]
    delays: tuple[float, ...]
    counts: Counts
    notifications: NotificationFacts
    offsets: dict[TopicPartition, int]
    halted: tuple[TopicPartition, ...]


def view_facts(database_url: str) -> Callable[[], ViewFacts]:
    """Asks with a connection of its own each time. Raises psycopg.Error."""
    connect = connector(database_url, DEFAULT_SCHEMA, "sealane-metrics")

    def facts() -> ViewFacts:
        with connect() as connection:
            connection.execute(_TIMEOUT)
            return _facts(connection)

    return facts


def _facts(connection: Connection) -> ViewFacts:
    pools = tuple(PoolFacts(*row) for row in connection.execute(_POOLS).fetchall())
    agents = dict.fromkeys(((each.region, each.pool, state) for each in pools for state in AGENT_STATES), 0)
    agents |= {(region, pool, state): count for region, pool, state, count in connection.execute(_AGENTS).fetchall()}
    delays = connection.execute(_DELAYS, (list(QUANTILES),)).fetchone()
    counts = connection.execute(_COUNTS).fetchone()
    notifications = connection.execute(_NOTIFICATIONS).fetchone()
    assert delays is not None
    assert counts is not None
    assert notifications is not None
    places = connection.execute("SELECT topic, partition, next_offset, halted FROM projection_offsets").fetchall()
    return ViewFacts(
        pools,
        agents,
        tuple(delays[0] or ()),
        Counts(*counts),
        NotificationFacts(*notifications),
        {TopicPartition(topic, number): offset for topic, number, offset, _ in places},
        tuple(TopicPartition(topic, number) for topic, number, _, reason in places if reason),
    )
