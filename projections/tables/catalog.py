"""Views of the catalog: apps, their schedules, principals and tokens."""

from sqlalchemy import Index, Table

from projections.tables.columns import (
    flag,
    json_list,
    key,
    maybe_time,
    metadata,
    number,
    text,
    time,
)

apps = Table(
    "apps",
    metadata,
    key("name"),
    text("repository_url"),
    text("repository_key"),
    text("region"),
    text("forge"),
    text("default_branch"),
    text("pipeline_path"),
    flag("archived"),
    number("runs"),
    time("created_at"),
    time("updated_at"),
    Index("apps_repository", "repository_key"),
)

schedules = Table(
    "schedules",
    metadata,
    key("app"),
    json_list("entries"),
    text("commit"),
    time("set_at"),
)

schedule_firings = Table(
    "schedule_firings",
    metadata,
    key("app"),
    key("cron"),
    key("timezone"),
    time("last_due_at"),
    maybe_time("next_at"),
)

principals = Table(
    "principals",
    metadata,
    key("name"),
    json_list("roles"),
    json_list("groups"),
    json_list("pools"),
    time("created_at"),
    time("updated_at"),
)

tokens = Table(
    "tokens",
    metadata,
    key("principal"),
    key("token_id"),
    text("token_hash"),
    text("description"),
    time("created_at"),
    maybe_time("expires_at"),
    maybe_time("revoked_at"),
    Index("tokens_hash", "token_hash"),
)
