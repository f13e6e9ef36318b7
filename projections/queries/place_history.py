"""What was deployed where, when, by whom, from which commit."""

import msgspec
from sqlalchemy import ColumnElement, RowMapping, select

from projections.queries.briefs import known
from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert
from projections.queries.environment_types import PlaceChange
from projections.queries.types import Page
from projections.tables.deployments import deployments
from projections.tables.environments import place_releases

_h = place_releases.c
_NEWEST = Keyset(_h.since, _h.region, _h.version)
_later = place_releases.alias("later")
_UNTIL = (
    select(_later.c.since)
    .where(
        _later.c.app == _h.app,
        _later.c.environment == _h.environment,
        _later.c.region == _h.region,
        _later.c.version > _h.version,
    )
    .order_by(_later.c.version)
    .limit(1)
    .scalar_subquery()
)
_COLUMNS = (*_h, _UNTIL.label("until"), deployments.c.by)


class HistoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None: any."""

    app: str
    environment: str | None = None
    region: str | None = None
    release: str | None = None


async def place_history(
    db: ReadSide, wanted: HistoryFilter, cursor: str | None = None, limit: int = 50
) -> Page[PlaceChange]:
    """Newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    statement = (
        select(*_COLUMNS)
        .join_from(place_releases, deployments, deployments.c.id == _h.deployment_id, isouter=True)
        .where(*_conditions(wanted), *_NEWEST.after(cursor))
        .order_by(*_NEWEST.order)
        .limit(limit + 1)
    )
    return _NEWEST.page(await db.rows(statement), limit, _as_change)


def _conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    equal = {
        _h.app: wanted.app,
        _h.environment: wanted.environment,
        _h.region: wanted.region,
        _h.release_id: wanted.release,
    }
    return [column == value for column, value in equal.items() if value is not None]


def _as_change(row: RowMapping) -> PlaceChange:
    return convert(row, PlaceChange, release=known(row["release"], row["release_id"]), by=row["by"] or "")
