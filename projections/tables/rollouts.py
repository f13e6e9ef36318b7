"""Views of rollouts: the way of a release through the regions of an environment, and who agreed to it.

All rows of a rollout come from its own stream; what its deployments say of themselves lies in tables of theirs.
"""

from typing import Any

from sqlalchemy import Index, Table
from sqlalchemy import text as sql

from projections.tables.columns import (
    BUSY,
    big,
    flag,
    json_list,
    json_map,
    key,
    key_number,
    maybe_json,
    maybe_number,
    maybe_text,
    maybe_time,
    metadata,
    number,
    text,
    time,
)

_UNFINISHED: dict[str, Any] = {"postgresql_where": sql("state <> 'finished'")}

# `state` is the last step forward; that it is halted or paused is said by times of their own.
rollouts = Table(
    "rollouts",
    metadata,
    key("id"),
    text("app"),
    text("environment"),
    number("number"),
    text("region"),
    text("kind"),
    text("release_id"),
    maybe_json("release"),
    json_map("releases"),
    maybe_json("settings"),
    json_list("waves"),
    text("by"),
    flag("automatic"),
    text("run_id"),
    text("stage"),
    text("override_reason"),
    text("correlation_id"),
    text("state"),
    maybe_text("outcome"),
    text("code"),
    text("detail"),
    maybe_number("wave"),
    maybe_time("bake_until"),
    number("bake_min_requests"),
    maybe_time("bake_give_up_at"),
    maybe_time("halted_at"),
    text("halted_code"),
    text("halted_detail"),
    maybe_time("halted_until"),
    maybe_time("paused_at"),
    maybe_time("paused_until"),
    text("paused_by"),
    text("paused_reason"),
    maybe_time("aborted_at"),
    text("aborted_by"),
    text("aborted_reason"),
    text("aborted_code"),
    time("created_at"),
    maybe_time("finished_at"),
    Index("rollouts_number", "app", "number"),
    Index("rollouts_newest", "created_at", "id"),
    Index("rollouts_newest_of_app", "app", "created_at", "id"),
    Index("rollouts_newest_of_environment", "app", "environment", "created_at", "id"),
    Index("rollouts_of_run", "run_id"),
    Index("rollouts_unfinished", "app", "environment", **_UNFINISHED),
    **BUSY,
)

# A region's deployment in a wave; one that failed may be followed by another, and that by one that goes back.
rollout_placements = Table(
    "rollout_placements",
    metadata,
    key("rollout_id"),
    key("deployment_id"),
    text("region"),
    number("wave"),
    number("position"),
    flag("rollback"),
    text("release_id"),
    time("started_at"),
    maybe_text("outcome"),
    text("code"),
    text("detail"),
    maybe_time("finished_at"),
    flag("watching"),
    maybe_time("watched_at"),
    flag("breached"),
)

# Requests the new release has had in a region, as the bake counts them.
rollout_requests = Table(
    "rollout_requests",
    metadata,
    key("rollout_id"),
    key("region"),
    big("requests"),
    time("noted_at"),
)

# The pre-deploy command (`direction` up), and its way back (down).
rollout_hooks = Table(
    "rollout_hooks",
    metadata,
    key("rollout_id"),
    key("direction"),
    text("region"),
    text("run"),
    text("phase"),
    text("state"),
    maybe_number("exit_code"),
    text("output"),
    text("detail"),
    time("requested_at"),
    maybe_time("answer_by"),
    maybe_time("finished_at"),
)

rollout_approvals = Table(
    "rollout_approvals",
    metadata,
    key("rollout_id"),
    text("state"),
    number("count"),
    json_list("groups"),
    flag("prevent_self_approval"),
    time("requested_at"),
    time("expires_at"),
    maybe_time("decided_at"),
    text("decided_by"),
    text("comment"),
    Index("rollout_approvals_pending", "requested_at", postgresql_where=sql("state = 'pending'")),
)

rollout_votes = Table(
    "rollout_votes",
    metadata,
    key("rollout_id"),
    key_number("version"),
    text("given_by"),
    text("comment"),
    time("given_at"),
)
