"""Lists of deployments, newest first, and the samples of one."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, RowMapping, Text, and_, case, cast, exists, func, select

from projections.queries.briefs import known, strategy_of
from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert, sql
from projections.queries.rollout_types import Deployment, DeploymentState, Measured, Sample
from projections.queries.runs import duration
from projections.queries.types import Page
from projections.tables.deployments import deployments, samples
from projections.tables.environments import place_entries

_NEWEST = Keyset(deployments.c.requested_at, deployments.c.id)
_IN_ORDER = Keyset(samples.c.number, ascending=True)
_d = deployments.c


class DeploymentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None: any."""

    app: str | None = None
    environment: str | None = None
    region: str | None = None
    rollout: str | None = None
    release: str | None = None
    outcome: str | None = None
    unfinished: bool = False


def _waits() -> ColumnElement[bool]:
    return exists().where(place_entries.c.deployment_id == _d.id, place_entries.c.state == "queued")


STATE = case(
    (and_(_d.state == "finished", _d.watch_until.is_not(None), _d.watch_ended.is_(None)), "watching"),
    (_d.state == "finished", "finished"),
    (_d.rollback_at.is_not(None), "rolling_back"),
    (_d.paused_at.is_not(None), "paused"),
    (and_(_d.state == "requested", _waits()), "waiting"),
    else_=_d.state,
).label("state")
_WAITS_FOR = (
    select(func.max(place_entries.c.reason))
    .where(place_entries.c.deployment_id == _d.id, place_entries.c.state == "queued")
    .scalar_subquery()
)
COLUMNS = (
    *(column for column in _d if column.key != "state"),
    STATE,
    _WAITS_FOR.label("waits_for"),
    func.jsonb_array_length(_d.steps).label("steps_total"),
    cast(cast(_d.weights[_d.release_id].astext, Text), Integer).label("weight"),
    duration(_d.started_at, _d.finished_at).label("duration_seconds"),
)


async def list_deployments(
    db: ReadSide, wanted: DeploymentFilter, cursor: str | None = None, limit: int = 50
) -> Page[Deployment]:
    """One page, newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    conditions = (*_conditions(wanted), *_NEWEST.after(cursor))
    statement = select(*COLUMNS).where(*conditions).order_by(*_NEWEST.order).limit(limit + 1)
    return _NEWEST.page(await db.rows(statement), limit, as_deployment)


def _conditions(wanted: DeploymentFilter) -> list[ColumnElement[bool]]:
    equal = {
        _d.app: wanted.app,
        _d.environment: wanted.environment,
        _d.region: wanted.region,
        _d.rollout_id: wanted.rollout,
        _d.release_id: wanted.release,
        _d.outcome: wanted.outcome,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    return [*conditions, _d.state != "finished"] if wanted.unfinished else conditions


async def get_deployment(db: ReadSide, deployment_id: str) -> Deployment | None:
    row = await db.row(select(*COLUMNS).where(_d.id == deployment_id))
    return as_deployment(row) if row else None


def as_deployment(row: RowMapping) -> Deployment:
    return convert(row, Deployment, **facts(row))


def facts(row: RowMapping) -> dict[str, Any]:
    """What a line says beyond its row."""
    return {
        "release": known(row["release"], row["release_id"]),
        "strategy": strategy_of(row["settings"]),
        "reason": _reason(row),
    }


def _reason(row: RowMapping) -> str:
    state: DeploymentState = row["state"]
    if state == "waiting":
        return str(row["waits_for"] or "")
    if state == "rolling_back":
        return f"{row['rollback_code']}: {row['rollback_detail']}"
    if state == "paused":
        return f"paused by {row['paused_by']}" + (f": {row['paused_reason']}" if row["paused_reason"] else "")
    if state == "holding" and row["holds"]:
        return "waits until somebody promotes it"
    return ""


async def list_samples(db: ReadSide, deployment_id: str, cursor: str | None = None, limit: int = 200) -> Page[Sample]:
    """In the order they were taken. Raises InvalidCursor."""
    limit = bounded(limit)
    conditions = (samples.c.deployment_id == deployment_id, *_IN_ORDER.after(cursor))
    rows = await db.rows(select(samples).where(*conditions).order_by(*_IN_ORDER.order).limit(limit + 1))
    numbers = [row["number"] for row in rows]
    measured = await db.rows(
        sql(
            """SELECT *, check_name AS "check" FROM measurements
        WHERE deployment_id = :id AND number = ANY(CAST(:numbers AS bigint[])) ORDER BY check_name""",
            id=deployment_id,
            numbers=numbers,
        )
    )
    found: dict[int, list[Measured]] = {}
    for row in measured:
        found.setdefault(row["number"], []).append(convert(row, Measured))
    return _IN_ORDER.page(rows, limit, lambda row: convert(row, Sample, measurements=found.get(row["number"], [])))
