"""Views of pools: the pools, their agents, and the attempts in their hands (waiting, offered, leased)."""

from sqlalchemy import Index, Table

from projections.tables.columns import (
    BUSY,
    flag,
    json_list,
    key,
    maybe_number,
    maybe_text,
    maybe_time,
    metadata,
    number,
    text,
    time,
)

pools = Table(
    "pools",
    metadata,
    key("region"),
    key("name"),
    json_list("fallback"),
    number("evacuate_after_seconds"),
    maybe_time("evacuated_at"),
    text("evacuated_reason"),
    text("evacuated_by"),
)

agents = Table(
    "agents",
    metadata,
    key("region"),
    key("pool"),
    key("agent_id"),
    text("session"),
    number("slots"),
    json_list("labels"),
    text("isolation"),
    text("version"),
    flag("connected"),
    flag("draining"),
    text("gone"),
    time("connected_at"),
    time("last_seen_at"),
    maybe_time("gone_at"),
    **BUSY,
)

queue = Table(
    "queue",
    metadata,
    # A moved attempt leaves one pool and comes to another, and which of the two is read first is not certain.
    key("attempt_key"),
    key("region"),
    key("pool"),
    text("app"),
    text("run_id"),
    text("job_id"),
    number("attempt"),
    number("priority"),
    json_list("labels"),
    time("queued_at"),
    text("state"),
    text("reason"),
    maybe_text("agent_id"),
    maybe_number("epoch"),
    maybe_time("accept_by"),
    maybe_time("accepted_at"),
    Index("queue_of_pool", "region", "pool", "state"),
    Index("queue_of_run", "run_id"),
    **BUSY,
)
