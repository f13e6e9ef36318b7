"""Webhook deliveries and what became of each."""

from typing import Any

from sqlalchemy import ColumnElement, exists, func, select

from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert, sql
from projections.queries.types import Delivery, DeliveryResult, DeliveryWithBody, Page
from projections.tables.logbook import deliveries, delivery_apps

_COLUMNS = (
    *(column for column in deliveries.c if column.key not in ("headers", "body", "redelivery_of")),
    deliveries.c.delivery_id.label("id"),
    func.length(deliveries.c.body).label("size_bytes"),
    func.nullif(deliveries.c.redelivery_of, "").label("redelivery_of"),
)
_NEWEST = Keyset(deliveries.c.received_at, deliveries.c.partition, deliveries.c.log_offset)


async def list_deliveries(
    db: ReadSide, app: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[Delivery]:
    """Newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    statement = select(*_COLUMNS).where(*_of_app(app), *_NEWEST.after(cursor))
    rows = await db.rows(statement.order_by(*_NEWEST.order).limit(limit + 1))
    results = await _results(db, [row["id"] for row in rows])
    return _NEWEST.page(rows, limit, lambda row: convert(row, Delivery, **_outcome(results.get(row["id"], ()))))


def _of_app(app: str | None) -> list[ColumnElement[bool]]:
    if app is None:
        return []
    place = delivery_apps.c
    return [
        exists().where(
            place.app == app, place.partition == deliveries.c.partition, place.log_offset == deliveries.c.log_offset
        )
    ]


async def get_delivery(db: ReadSide, delivery_id: str) -> DeliveryWithBody | None:
    """The newest of that id, with its body."""
    statement = select(*_COLUMNS, deliveries.c.headers, deliveries.c.body).where(
        deliveries.c.delivery_id == delivery_id
    )
    row = await db.row(statement.order_by(deliveries.c.received_at.desc()).limit(1))
    if row is None:
        return None
    results = await _results(db, [delivery_id])
    return convert(row, DeliveryWithBody, **_outcome(results.get(delivery_id, ())))


async def delivery_results(db: ReadSide, delivery_id: str) -> tuple[DeliveryResult, ...]:
    """What its apps decided so far."""
    return (await _results(db, [delivery_id])).get(delivery_id, ())


async def _results(db: ReadSide, ids: list[str]) -> dict[str, tuple[DeliveryResult, ...]]:
    rows = await db.rows(
        sql(
            """SELECT x.delivery_id, x.app, x.decided_at, x.code,
               CASE WHEN x.detail = '' AND r.outcome = 'ignored' THEN r.detail ELSE x.detail END AS detail,
               x.run_id, r.number, r.state AS run_state, r.outcome AS run_outcome
        FROM delivery_results x LEFT JOIN runs r ON r.id = x.run_id
        WHERE x.delivery_id = ANY(CAST(:ids AS text[])) ORDER BY x.app, x.stream_version""",
            ids=ids,
        )
    )
    found: dict[str, tuple[DeliveryResult, ...]] = {}
    for row in rows:
        found[row["delivery_id"]] = (*found.get(row["delivery_id"], ()), convert(row, DeliveryResult))
    return found


def _outcome(results: tuple[DeliveryResult, ...]) -> dict[str, Any]:
    if not results:
        return {"state": "received", "results": ()}
    made_run = any(result.run_id and not result.code for result in results)
    return {"state": "run" if made_run else "ignored", "results": results}
