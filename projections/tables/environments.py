"""Views of what is deployed where: what apps declare, releases, and each environment in each region.

What an app declares comes from its stream, the places from streams in their own regions: queries join them.
"""

from sqlalchemy import Index, Table
from sqlalchemy import text as sql

from projections.tables.columns import (
    BUSY,
    flag,
    json_list,
    json_map,
    key,
    key_number,
    maybe_json,
    maybe_number,
    maybe_time,
    metadata,
    number,
    text,
    time,
)

# All environments of an app, as it declares them: whole, so that one that is left out is gone.
app_environments = Table(
    "app_environments",
    metadata,
    key("app"),
    json_list("entries"),
    text("source"),
    text("set_by"),
    text("commit"),
    number("number"),
    time("set_at"),
)

releases = Table(
    "releases",
    metadata,
    key("app"),
    key("id"),
    text("kind"),
    text("digest"),
    text("location"),
    text("commit"),
    text("run_id"),
    text("author"),
    text("title"),
    json_map("config"),
    flag("incompatible_before"),
    time("created_at"),
    Index("releases_newest_of_app", "app", "created_at", "id"),
    Index("releases_newest", "created_at", "app", "id"),
)

# An environment in one region. `frozen_at` is empty while it isn't frozen by hand.
places = Table(
    "places",
    metadata,
    key("app"),
    key("environment"),
    key("region"),
    maybe_json("release"),
    text("release_id"),
    text("deployment_id"),
    text("rollout_id"),
    maybe_time("since"),
    maybe_time("frozen_at"),
    text("frozen_by"),
    text("frozen_reason"),
    maybe_time("frozen_until"),
    **BUSY,
)

# What has had all traffic in a place, one row each time it changed.
place_releases = Table(
    "place_releases",
    metadata,
    key("app"),
    key("environment"),
    key("region"),
    key_number("version"),
    text("release_id"),
    maybe_json("release"),
    text("deployment_id"),
    text("rollout_id"),
    flag("rollback"),
    time("since"),
    Index("place_releases_newest", "app", "environment", "since", "region", "version"),
    Index("place_releases_of_release", "app", "release_id"),
)

# How a deployment fares with a place's lock. `state`: queued | holding | released | expired | left | refused.
place_entries = Table(
    "place_entries",
    metadata,
    key("app"),
    key("environment"),
    key("region"),
    key("deployment_id"),
    text("rollout_id"),
    text("release_id"),
    text("by"),
    text("state"),
    flag("automatic"),
    flag("urgent"),
    text("reason"),
    maybe_time("opens_at"),
    time("entered_at"),
    maybe_number("epoch"),
    maybe_time("granted_at"),
    maybe_time("expires_at"),
    maybe_time("preempted_at"),
    maybe_time("ended_at"),
    text("override_reason"),
    text("override_by"),
    text("code"),
    text("detail"),
    Index(
        "place_entries_open",
        "app",
        "environment",
        "region",
        postgresql_where=sql("state IN ('queued', 'holding')"),
    ),
    Index("place_entries_of_deployment", "deployment_id"),
    **BUSY,
)

quarantine = Table(
    "quarantine",
    metadata,
    key("app"),
    key("environment"),
    key("region"),
    key("release_id"),
    text("reason"),
    text("deployment_id"),
    time("since"),
)
