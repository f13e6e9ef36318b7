"""Releases, newest first, and where each of them is."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, RowMapping, Table, Text, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from core.environments.release import Artifact
from core.environments.release import Release as WholeRelease
from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert
from projections.queries.environment_types import Release
from projections.queries.types import Page
from projections.tables.environments import place_releases, places, quarantine, releases

_NEWEST = Keyset(releases.c.created_at, releases.c.app, releases.c.id)


def _where(table: Table) -> ColumnElement[Any]:
    name = table.c.environment + "/" + table.c.region
    in_order = func.array_agg(aggregate_order_by(name, name), type_=ARRAY(Text))
    here = (table.c.app == releases.c.app, table.c.release_id == releases.c.id)
    return func.coalesce(select(in_order).where(*here).scalar_subquery(), cast([], ARRAY(Text)))


_COLUMNS = (*releases.c, _where(places).label("deployed"), _where(quarantine).label("quarantined"))


async def list_releases(
    db: ReadSide, app: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[Release]:
    """Newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    of_app = () if app is None else (releases.c.app == app,)
    statement = select(*_COLUMNS).where(*of_app, *_NEWEST.after(cursor)).order_by(*_NEWEST.order).limit(limit + 1)
    return _NEWEST.page(await db.rows(statement), limit, lambda row: convert(row, Release))


async def get_release(db: ReadSide, app: str, release_id: str) -> Release | None:
    row = await db.row(select(*_COLUMNS).where(releases.c.app == app, releases.c.id == release_id))
    return convert(row, Release) if row else None


async def whole_release(db: ReadSide, app: str, release_id: str) -> WholeRelease | None:
    """The release as commands carry it."""
    row = await db.row(select(releases).where(releases.c.app == app, releases.c.id == release_id))
    return _whole(row) if row else None


async def newest_release(db: ReadSide, app: str) -> WholeRelease | None:
    """The one that was made last."""
    row = await db.row(select(releases).where(releases.c.app == app).order_by(*_NEWEST.order).limit(1))
    return _whole(row) if row else None


async def deployed_releases(db: ReadSide, app: str, environment: str) -> dict[str, WholeRelease]:
    """What has all traffic, by region."""
    here = (places.c.app == app, places.c.environment == environment, places.c.release.is_not(None))
    rows = await db.rows(select(places.c.region, places.c.release).where(*here))
    return {row["region"]: convert(row["release"], WholeRelease) for row in rows}


async def release_that_ran(db: ReadSide, app: str, environment: str, release_id: str) -> dict[str, WholeRelease]:
    """The release as it was when it had all traffic of a region, by region."""
    here = (place_releases.c.app == app, place_releases.c.environment == environment)
    statement = select(place_releases).where(*here, place_releases.c.release_id == release_id)
    rows = await db.rows(statement.order_by(place_releases.c.version))
    return {row["region"]: convert(row["release"], WholeRelease) for row in rows}


def _whole(row: RowMapping) -> WholeRelease:
    artifact = Artifact(kind=row["kind"], digest=row["digest"], location=row["location"])
    return convert({**row, "artifact": artifact}, WholeRelease)
