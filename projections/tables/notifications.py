"""Views of notifications: the subscriptions, what each was to be told, and every attempt to do so."""

from sqlalchemy import Index, Table
from sqlalchemy import text as sql_text

from projections.tables.columns import (
    BUSY,
    flag,
    json_list,
    key,
    key_number,
    maybe_number,
    maybe_time,
    metadata,
    number,
    text,
    time,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    key("name"),
    text("kind"),
    text("url"),
    text("url_secret"),
    text("address"),
    text("signing_secret"),
    number("secret_version"),
    maybe_time("old_secret_until"),
    json_list("types"),
    json_list("apps"),
    json_list("environments"),
    flag("enabled"),
    text("disabled_code"),
    text("disabled_detail"),
    text("disabled_by"),
    maybe_time("disabled_at"),
    text("created_by"),
    time("created_at"),
    time("updated_at"),
)

# `event` is the CDEvent as text: its members keep their order, so that what is sent again is the same to the byte.
notifications = Table(
    "notifications",
    metadata,
    key("subscription"),
    key("id"),
    text("type"),
    text("title"),
    text("app"),
    text("environment"),
    text("region"),
    text("link"),
    text("tone"),
    text("event"),
    text("state"),
    number("attempts"),
    maybe_number("status"),
    text("code"),
    text("detail"),
    time("queued_at"),
    maybe_time("next_at"),
    maybe_time("ended_at"),
    Index("notifications_newest", "subscription", "queued_at", "id"),
    Index("notifications_pending", "subscription", postgresql_where=sql_text("state = 'pending'")),
    **BUSY,
)

notification_attempts = Table(
    "notification_attempts",
    metadata,
    key("subscription"),
    key("id"),
    key_number("stream_version"),
    number("attempt"),
    text("outcome"),
    number("status"),
    text("code"),
    text("detail"),
    number("duration_ms"),
    time("at"),
    Index("notification_attempts_newest", "subscription", "stream_version"),
)
