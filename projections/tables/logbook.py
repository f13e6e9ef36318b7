"""Views of the log itself: every event, deliveries as received, dead letters, archived logs, and the offsets."""

from typing import Any

from sqlalchemy import Index, Table

from projections.tables.columns import (
    BUSY,
    big,
    binary,
    flag,
    json_list,
    json_map,
    key,
    key_number,
    maybe_text,
    metadata,
    number,
    text,
    time,
)

# Commands of API requests are looked up by the front of their id too (gateway/idempotency.py).
_BY_PREFIX: dict[str, Any] = {"postgresql_ops": {"causation_id": "text_pattern_ops"}}

audit = Table(
    "audit",
    metadata,
    key("topic"),
    key_number("partition"),
    key_number("log_offset"),
    text("event_id"),
    text("type"),
    number("schema_version"),
    text("stream"),
    big("stream_version"),
    time("recorded_at"),
    text("region"),
    text("actor"),
    text("correlation_id"),
    text("causation_id"),
    text("chain"),
    text("data"),
    Index("audit_newest", "recorded_at", "topic", "partition", "log_offset"),
    Index("audit_of_stream", "stream", "log_offset"),
    Index("audit_of_type", "type", "recorded_at", "log_offset"),
    Index("audit_of_correlation", "correlation_id", "recorded_at"),
    Index("audit_of_command", "causation_id", **_BY_PREFIX),
)

deliveries = Table(
    "deliveries",
    metadata,
    key_number("partition"),
    key_number("log_offset"),
    text("delivery_id"),
    text("forge"),
    text("event"),
    json_list("apps"),
    time("received_at"),
    json_map("headers"),
    binary("body"),
    text("request_id"),
    text("correlation_id"),
    text("redelivery_of"),
    Index("deliveries_newest", "received_at", "partition", "log_offset"),
    Index("deliveries_id", "delivery_id", "received_at"),
)

delivery_apps = Table(
    "delivery_apps",
    metadata,
    key("app"),
    key_number("partition"),
    key_number("log_offset"),
    time("received_at"),
    Index("delivery_apps_newest", "app", "received_at", "partition", "log_offset"),
)

delivery_results = Table(
    "delivery_results",
    metadata,
    key("delivery_id"),
    key("app"),
    key_number("stream_version"),
    text("code"),
    text("detail"),
    maybe_text("run_id"),
    time("decided_at"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    key_number("partition"),
    key_number("log_offset"),
    time("recorded_at"),
    text("reason"),
    json_map("headers"),
    text("key"),
    binary("value"),
    Index("dead_letters_newest", "recorded_at", "partition", "log_offset"),
)

# Not views: the log keeps chunks for days only, so a rebuild carries these two tables over as they are.
log_segments = Table(
    "log_segments",
    metadata,
    key("attempt_key"),
    key_number("first_seq"),
    number("last_seq"),
    big("first_line"),
    big("last_line"),
    big("bytes"),
    text("object_key"),
    number("partition"),
    big("next_offset"),
    flag("last"),
)

log_gaps = Table(
    "log_gaps",
    metadata,
    key("attempt_key"),
    key_number("first_seq"),
    number("last_seq"),
    text("reason"),
    time("recorded_at"),
)

# `halted` says why the projector can't go on in this partition; empty: it goes on.
projection_offsets = Table(
    "projection_offsets",
    metadata,
    key("topic"),
    key_number("partition"),
    big("next_offset"),
    text("halted"),
    **BUSY,
)
