"""Lists of runs, newest first, and finding one by what people call it."""

import re
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Float, Text, and_, case, cast, exists, func, or_, select, true

from projections.queries.cursors import Keyset, bounded
from projections.queries.database import ReadSide
from projections.queries.run_types import Run, RunState
from projections.queries.types import Page
from projections.tables.rollouts import rollouts
from projections.tables.runs import approvals, jobs, runs

_NEWEST = Keyset(runs.c.created_at, runs.c.id)
_BY_NUMBER = re.compile(r"([^#]+)#([0-9]{1,9})")


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None: any. Ignored runs (their trigger section did not ask for a run) are hidden unless asked for."""

    app: str | None = None
    state: RunState | None = None
    outcome: str | None = None
    branch: str | None = None
    actor: str | None = None
    region: str | None = None
    commit: str | None = None
    unfinished: bool = False
    include_ignored: bool = False


def duration(start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[Any]:
    """Seconds from start to end, or to now while there is no end; NULL before the start."""
    return cast(func.extract("epoch", func.coalesce(end, func.now()) - start), Float)


def _waits_for_approval() -> ColumnElement[bool]:
    """Stages of it, or rollouts; and there is nothing else to do."""
    rollout = rollouts.c.run_id == runs.c.id
    stages = exists().where(approvals.c.run_id == runs.c.id, approvals.c.state == "pending")
    pending = or_(stages, exists().where(rollout, rollouts.c.state == "waiting_approval"))
    jobs_under_way = exists().where(jobs.c.run_id == runs.c.id, jobs.c.state.in_(("queued", "running")))
    rollouts_under_way = exists().where(rollout, rollouts.c.state.not_in(("waiting_approval", "finished")))
    return and_(runs.c.state == "running", pending, ~jobs_under_way, ~rollouts_under_way)


STATE = case((_waits_for_approval(), "waiting"), else_=runs.c.state).label("state")
RUN_COLUMNS = (
    *(runs.c[name] for name in Run.__struct_fields__ if name not in ("state", "duration_seconds")),
    STATE,
    duration(runs.c.started_at, runs.c.finished_at).label("duration_seconds"),
)


async def list_runs(db: ReadSide, wanted: RunFilter, cursor: str | None = None, limit: int = 50) -> Page[Run]:
    """One page, newest first. Raises InvalidCursor."""
    limit = bounded(limit)
    statement = (
        select(*RUN_COLUMNS)
        .where(*_conditions(wanted), *_NEWEST.after(cursor))
        .order_by(*_NEWEST.order)
        .limit(limit + 1)
    )
    return _NEWEST.page(await db.rows(statement), limit, lambda row: Run(**row))


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    equal = ("app", "outcome", "branch", "actor", "region", "commit")
    given = ((runs.c[name], getattr(wanted, name)) for name in equal)
    conditions = [column == value for column, value in given if value is not None]
    if not wanted.include_ignored and wanted.outcome != "ignored":
        conditions.append(~runs.c.ignored)
    if wanted.unfinished:
        conditions.append(runs.c.state != "finished")
    if wanted.state is not None:
        conditions.append(_in_state(wanted.state))
    return conditions


def _in_state(state: RunState) -> ColumnElement[bool]:
    if state == "finished":
        return runs.c.state == "finished"
    # Said twice so that the small index of unfinished runs can be used.
    unfinished = runs.c.state != "finished"
    if state == "waiting":
        return and_(unfinished, _waits_for_approval())
    if state == "running":
        return and_(unfinished, runs.c.state == "running", ~_waits_for_approval())
    return and_(unfinished, runs.c.state == state)


async def find_run(db: ReadSide, name: str) -> str | None:
    """The id of the run called `name`: an id, or `<app>#<number>`; None where there is none."""
    match = _BY_NUMBER.fullmatch(name)
    is_it: ColumnElement[bool] = runs.c.id == name
    if match:
        is_it = and_(runs.c.app == match[1], runs.c.number == int(match[2]))
    row = await db.row(select(runs.c.id).where(is_it).limit(1))
    return None if row is None else str(row["id"])


async def get_run(db: ReadSide, name: str) -> Run | None:
    """The line of one run, by id or `<app>#<number>`."""
    run_id = await find_run(db, name)
    row = await db.row(select(*RUN_COLUMNS).where(runs.c.id == run_id)) if run_id else None
    return None if row is None else Run(**row)


async def newest_run_of_each(db: ReadSide, apps: tuple[str, ...]) -> dict[str, Run]:
    """The newest run of each app that was not ignored."""
    if not apps:
        return {}
    names = select(func.unnest(cast(list(apps), ARRAY(Text))).label("name")).subquery()
    newest = (
        select(*RUN_COLUMNS)
        .where(runs.c.app == names.c.name, ~runs.c.ignored)
        .order_by(*_NEWEST.order)
        .limit(1)
        .lateral()
    )
    rows = await db.rows(select(newest).select_from(names).join(newest, true()))
    return {row["app"]: Run(**row) for row in rows}


async def correlation_of_run(db: ReadSide, run_id: str) -> str:
    """Empty where the run is not known (yet)."""
    row = await db.row(select(runs.c.correlation_id).where(runs.c.id == run_id))
    return "" if row is None else str(row["correlation_id"])
