"""The one document of a deployment: steps, weights, what the target shows, the newest samples."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select

from core.deployments.events import Step
from core.environments.settings import Check, EnvironmentSettings
from projections.queries.briefs import version_of
from projections.queries.database import ReadSide, Snapshot, convert, sql
from projections.queries.deployments import COLUMNS, facts
from projections.queries.rollout_types import (
    Action,
    CheckSeries,
    DeploymentDetail,
    DeploymentStep,
    HealthReport,
    Point,
    Rollback,
    SetNow,
    StepState,
    Stop,
    TrafficShift,
)
from projections.tables.deployments import deployments

SHOWN_SAMPLES = 60
Rows = Sequence[RowMapping]
ByDeployment = dict[str, list[RowMapping]]

_MEASURED = """SELECT m.* FROM measurements m WHERE m.deployment_id = ANY(CAST(:ids AS text[])) AND m.number >
    (SELECT max(s.number) - :shown FROM samples s WHERE s.deployment_id = m.deployment_id) ORDER BY m.number"""
_OTHERS = {
    "actions": "SELECT * FROM deployment_actions WHERE deployment_id = ANY(CAST(:ids AS text[])) ORDER BY action",
    "traffic": "SELECT * FROM deployment_traffic WHERE deployment_id = ANY(CAST(:ids AS text[])) ORDER BY version",
    "health": "SELECT * FROM deployment_health WHERE deployment_id = ANY(CAST(:ids AS text[])) ORDER BY version",
    "samples": """SELECT deployment_id, count(*) AS taken FROM samples WHERE deployment_id = ANY(CAST(:ids AS text[]))
        AND recorded_at IS NOT NULL GROUP BY deployment_id""",
}


async def deployment_detail(db: ReadSide, deployment_id: str) -> DeploymentDetail | None:
    """None for one that the views don't know (yet)."""
    async with db.snapshot() as view:
        found = (await deployment_details(view, [deployment_id])).get(deployment_id)
        if found is None:
            return None
        place = f"environment/{found.app}/{found.environment}/{found.region}"
        version = await version_of(view, [f"deployment/{deployment_id}", place])
        return msgspec.structs.replace(found, version=version)


async def deployment_details(db: Snapshot, ids: Sequence[str]) -> dict[str, DeploymentDetail]:
    """Those of them that are known, by id."""
    rows = await db.rows(select(*COLUMNS).where(deployments.c.id.in_(ids)))
    if not rows:
        return {}
    wanted = list(ids)
    parts = {name: _grouped(await db.rows(sql(text, ids=wanted))) for name, text in _OTHERS.items()}
    parts["measured"] = _grouped(await db.rows(sql(_MEASURED, ids=wanted, shown=SHOWN_SAMPLES)))
    return {row["id"]: _detail(row, {name: part.get(row["id"], []) for name, part in parts.items()}) for row in rows}


def _grouped(rows: Rows) -> ByDeployment:
    found: ByDeployment = {}
    for row in rows:
        found.setdefault(row["deployment_id"], []).append(row)
    return found


def _detail(row: RowMapping, parts: dict[str, list[RowMapping]]) -> DeploymentDetail:
    settings = msgspec.convert(row["settings"], EnvironmentSettings)
    status = row["status"] or {}
    shown: dict[str, Any] = {
        **facts(row),
        "steps": _steps(row, parts["actions"]),
        "paused": _paused(row),
        "rollback": _rollback(row),
        "address": status.get("address", ""),
        "sets": _sets(row["status"]),
        "actions": [convert(each, Action) for each in parts["actions"]],
        "traffic": [convert(each, TrafficShift) for each in parts["traffic"]],
        "health": [convert(each, HealthReport, sets=_sets(each["status"])) for each in parts["health"]],
        "checks": _checks(settings.analysis.checks, parts["measured"]),
        "samples": parts["samples"][0]["taken"] if parts["samples"] else 0,
    }
    return convert(row, DeploymentDetail, **shown)


def _sets(status: dict[str, Any] | None) -> tuple[SetNow, ...]:
    return tuple(msgspec.convert(each, SetNow) for each in (status or {}).get("sets", ()))


def _paused(row: RowMapping) -> Stop | None:
    return Stop(at=row["paused_at"], by=row["paused_by"], reason=row["paused_reason"]) if row["paused_at"] else None


def _rollback(row: RowMapping) -> Rollback | None:
    if row["rollback_at"] is None:
        return None
    names = ("at", "code", "detail", "check", "value", "sample", "by", "to")
    return convert({name: row[f"rollback_{name}"] for name in names}, Rollback)


def _steps(row: RowMapping, actions: Rows) -> tuple[DeploymentStep, ...]:
    reached = {action["step"]: action["reached_at"] for action in reversed(actions) if action["reached_at"] is not None}
    return tuple(
        DeploymentStep(
            index=index,
            name=step.name,
            weight=_weight(step, row["release_id"]),
            hold_seconds=step.hold_seconds,
            analyse=step.analyse,
            state=_step_state(row, index, index in reached),
            reached_at=reached.get(index),
        )
        for index, step in enumerate(msgspec.convert(row["steps"], tuple[Step, ...]))
    )


def _weight(step: Step, release_id: str) -> int:
    return sum(each.weight for each in step.wish.sets if each.name == release_id)


def _step_state(row: RowMapping, index: int, reached: bool) -> StepState:
    current = -1 if row["step"] is None else row["step"]
    over = row["state"] in ("finished", "watching", "rolling_back")
    if index == current and not over:
        return "holding" if reached else "moving"
    if index > current and not over:
        return "pending"
    return "done" if reached else "skipped"


def _checks(checks: Sequence[Check], measured: Rows) -> tuple[CheckSeries, ...]:
    """A series for each check of the settings, and for what else was measured."""
    points: dict[str, list[Point]] = {check.name: [] for check in checks}
    for row in measured:
        points.setdefault(row["check_name"], []).append(convert(row, Point, at=row["recorded_at"]))
    known = {check.name: check for check in checks}
    return tuple(_series(name, known.get(name), found) for name, found in points.items())


def _series(name: str, check: Check | None, points: Sequence[Point]) -> CheckSeries:
    said = {} if check is None else {"metric": check.metric, "query": check.query, "max": check.max, "min": check.min}
    return CheckSeries(name=name, points=tuple(points), **said)  # type: ignore[arg-type]
