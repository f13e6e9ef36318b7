"""Apps, their schedules, and which apps are built from a repository."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import RowMapping

from core.forges.urls import repository_key
from projections.queries.database import ReadSide, convert, sql
from projections.queries.run_types import Run
from projections.queries.runs import newest_run_of_each
from projections.queries.types import App, Schedule


async def list_apps(db: ReadSide) -> tuple[App, ...]:
    """By name, archived ones too."""
    rows = await db.rows(sql("SELECT * FROM apps ORDER BY name"))
    newest = await newest_run_of_each(db, tuple(row["name"] for row in rows))
    return tuple(_as_app(row, newest.get(row["name"])) for row in rows)


async def get_app(db: ReadSide, name: str) -> App | None:
    row = await db.row(sql("SELECT * FROM apps WHERE name = :name", name=name))
    if row is None:
        return None
    return _as_app(row, (await newest_run_of_each(db, (name,))).get(name))


async def apps_by_repository(db: ReadSide, urls: Sequence[str]) -> tuple[str, ...]:
    """The names of the apps that are built from any of these repository URLs, however they are written."""
    keys = [repository_key(url) for url in urls]
    rows = await db.rows(
        sql("SELECT name FROM apps WHERE repository_key = ANY(CAST(:keys AS text[])) ORDER BY name", keys=keys)
    )
    return tuple(row["name"] for row in rows)


async def schedules(db: ReadSide, app: str) -> tuple[Schedule, ...]:
    row = await db.row(sql("SELECT * FROM schedules WHERE app = :app", app=app))
    if row is None:
        return ()
    fired = await db.rows(sql("SELECT * FROM schedule_firings WHERE app = :app", app=app))
    last = {(each["cron"], each["timezone"]): each["last_due_at"] for each in fired}
    return tuple(
        Schedule(
            app=app,
            cron=entry["cron"],
            timezone=entry["timezone"],
            commit=row["commit"],
            set_at=row["set_at"],
            last_due_at=last.get((entry["cron"], entry["timezone"])),
            next_at=_next_at(entry, fired),
        )
        for entry in row["entries"]
    )


def _next_at(entry: dict[str, Any], fired: Sequence[RowMapping]) -> datetime | None:
    """As the last firing said, else as it was set."""
    for each in fired:
        if (each["cron"], each["timezone"]) == (entry["cron"], entry["timezone"]):
            return cast("datetime | None", each["next_at"])
    return datetime.fromisoformat(entry["next_at"]) if entry.get("next_at") else None


def _as_app(row: RowMapping, newest: Run | None) -> App:
    return convert({**row} | {"state": "archived" if row["archived"] else "active", "last_run": newest}, App)
