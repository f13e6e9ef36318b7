"""Subscriptions and the delivery log of each."""

import msgspec
from sqlalchemy import select

from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert, sql
from projections.queries.notification_types import (
    DeliveryAttempt,
    NotificationDetail,
    NotificationLine,
    NotificationState,
    Subscription,
)
from projections.queries.types import Page
from projections.tables.notifications import notifications

_SUBSCRIPTIONS = """
SELECT s.*, CASE WHEN s.enabled THEN 'enabled' ELSE 'disabled' END AS state,
       (SELECT count(*) FROM notifications n WHERE n.subscription = s.name AND n.state = 'pending') AS pending,
       coalesce(last.outcome, '') AS last_outcome, last.at AS last_attempt_at
FROM subscriptions s LEFT JOIN LATERAL
     (SELECT a.outcome, a.at FROM notification_attempts a WHERE a.subscription = s.name
      ORDER BY a.stream_version DESC LIMIT 1) AS last ON true
"""
_LINE = tuple(column for column in notifications.c if column.key not in ("link", "tone", "event"))
_NEWEST = Keyset(notifications.c.queued_at, notifications.c.id)


async def list_subscriptions(db: ReadSide) -> tuple[Subscription, ...]:
    rows = await db.rows(sql(f"{_SUBSCRIPTIONS} ORDER BY s.name"))
    return tuple(convert(row, Subscription) for row in rows)


async def get_subscription(db: ReadSide, name: str) -> Subscription | None:
    row = await db.row(sql(f"{_SUBSCRIPTIONS} WHERE s.name = :name", name=name))
    return convert(row, Subscription) if row else None


async def list_notifications(
    db: ReadSide,
    subscription: str,
    state: NotificationState | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[NotificationLine]:
    """Newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    statement = select(*_LINE).where(notifications.c.subscription == subscription, *_NEWEST.after(cursor))
    if state is not None:
        statement = statement.where(notifications.c.state == state)
    rows = await db.rows(statement.order_by(*_NEWEST.order).limit(limit + 1))
    return _NEWEST.page(rows, limit, lambda row: convert(row, NotificationLine))


async def get_notification(db: ReadSide, subscription: str, identity: str) -> NotificationDetail | None:
    table = notifications.c
    row = await db.row(select(notifications).where(table.subscription == subscription, table.id == identity))
    if row is None:
        return None
    attempts = await db.rows(
        sql(
            """SELECT * FROM notification_attempts WHERE subscription = :subscription AND id = :id
            ORDER BY stream_version""",
            subscription=subscription,
            id=identity,
        )
    )
    log = tuple(convert(each, DeliveryAttempt) for each in attempts)
    known = {name: row[name] for name in NotificationDetail.__struct_fields__ if name not in ("event", "log")}
    return NotificationDetail(**known, event=msgspec.Raw(row["event"].encode()), log=log)
