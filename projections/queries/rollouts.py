"""Lists of rollouts, newest first, and finding one by what people call it."""

import re
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, case, exists, func, select

from projections.queries.briefs import known, strategy_of
from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide, convert
from projections.queries.rollout_types import Rollout
from projections.queries.runs import duration
from projections.queries.types import Page
from projections.tables.rollouts import rollout_approvals, rollout_placements, rollout_votes, rollouts

_r = rollouts.c
_NEWEST = Keyset(_r.created_at, _r.id)
_BY_NUMBER = re.compile(r"([^@]+)@([0-9]{1,9})")


class RolloutFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None: any."""

    app: str | None = None
    environment: str | None = None
    release: str | None = None
    run: str | None = None
    outcome: str | None = None
    unfinished: bool = False


def _watches() -> ColumnElement[bool]:
    """All its regions are done, and some deployment may still be found at fault."""
    placed = rollout_placements.c
    watching = exists().where(placed.rollout_id == _r.id, placed.watching)
    under_way = exists().where(placed.rollout_id == _r.id, placed.finished_at.is_(None))
    return and_(_r.state == "deploying", _r.wave + 1 == func.jsonb_array_length(_r.waves), watching, ~under_way)


STATE = case(
    (_r.state == "finished", "finished"),
    (_r.halted_at.is_not(None), "halted"),
    (_r.paused_at.is_not(None), "paused"),
    (_watches(), "watching"),
    else_=_r.state,
).label("state")
_MISSING = (
    select(
        rollout_approvals.c.count
        - select(func.count()).where(rollout_votes.c.rollout_id == _r.id).correlate(rollouts).scalar_subquery()
    )
    .where(rollout_approvals.c.rollout_id == _r.id)
    .scalar_subquery()
)
COLUMNS = (
    *(column for column in _r if column.key != "state"),
    STATE,
    _MISSING.label("missing_approvals"),
    duration(_r.created_at, _r.finished_at).label("duration_seconds"),
)


async def list_rollouts(
    db: ReadSide, wanted: RolloutFilter, cursor: str | None = None, limit: int = 50
) -> Page[Rollout]:
    """One page, newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    conditions = (*_conditions(wanted), *_NEWEST.after(cursor))
    statement = select(*COLUMNS).where(*conditions).order_by(*_NEWEST.order).limit(limit + 1)
    return _NEWEST.page(await db.rows(statement), limit, as_rollout)


def _conditions(wanted: RolloutFilter) -> list[ColumnElement[bool]]:
    equal = {
        _r.app: wanted.app,
        _r.environment: wanted.environment,
        _r.release_id: wanted.release,
        _r.run_id: wanted.run,
        _r.outcome: wanted.outcome,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    return [*conditions, _r.state != "finished"] if wanted.unfinished else conditions


async def find_rollout(db: ReadSide, name: str) -> str | None:
    """The id of the rollout called `name`: an id, or `<app>@<number>`; None where there is none."""
    match = _BY_NUMBER.fullmatch(name)
    is_it: ColumnElement[bool] = _r.id == name
    if match:
        is_it = and_(_r.app == match[1], _r.number == int(match[2]))
    row = await db.row(select(_r.id).where(is_it).limit(1))
    return None if row is None else str(row["id"])


def as_rollout(row: RowMapping) -> Rollout:
    return convert(row, Rollout, **facts(row))


def facts(row: RowMapping) -> dict[str, Any]:
    """What a line says beyond its row."""
    return {
        "release": known(row["release"], row["release_id"]),
        "strategy": strategy_of(row["settings"]),
        "reason": _reason(row),
    }


def _reason(row: RowMapping) -> str:
    match row["state"]:
        case "waiting_approval":
            return f"waits for {max(0, row['missing_approvals'] or 0)} more approval(s)"
        case "halted":
            return f"{row['halted_code']}: {row['halted_detail']}"
        case "paused":
            return f"paused by {row['paused_by']}" + (f": {row['paused_reason']}" if row["paused_reason"] else "")
        case "aborting":
            return f"aborted by {row['aborted_by']}" + (f": {row['aborted_reason']}" if row["aborted_reason"] else "")
        case "watching":
            return "all regions are done; a breach still takes it back"
        case "baking":
            requests = f" and {row['bake_min_requests']} requests in each region" if row["bake_min_requests"] else ""
            return f"bakes until {row['bake_until']:%H:%M:%S} UTC{requests}"
    return ""
