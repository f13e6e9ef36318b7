"""What is deployed where, and what was: the environments of all apps, from one look at each table."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select

from core.environments.settings import EnvironmentSettings
from core.environments.state import EnvironmentState
from core.environments.windows import closed
from core.ids import split_stage_key
from projections.queries.briefs import brief, short, strategy_of
from projections.queries.database import ReadSide, Snapshot, convert, sql
from projections.queries.environment_types import (
    Closed,
    Environment,
    EnvironmentDetail,
    Freeze,
    Lock,
    Place,
    Quarantined,
    Waiting,
)
from projections.queries.place_memory import Memories, memories
from projections.queries.rollout_types import ReleaseBrief, Rollout
from projections.queries.rollouts import COLUMNS as ROLLOUT_COLUMNS
from projections.queries.rollouts import as_rollout
from projections.tables.rollouts import rollouts

_OF_APP = "(CAST(:app AS text) IS NULL OR {0}.app = :app)"
_DECLARED = f"SELECT * FROM app_environments e WHERE {_OF_APP.format('e')} ORDER BY app"
# By their ids one by one: of a small table Postgres doesn't know that it is small.
_PLACES = f"""SELECT p.*, (SELECT d.by FROM deployments d WHERE d.id = p.deployment_id) AS put_by,
        (SELECT d.status->>'address' FROM deployments d WHERE d.id = p.deployment_id) AS address
    FROM places p WHERE {_OF_APP.format("p")}"""
_ENTRIES = f"""SELECT * FROM place_entries e WHERE {_OF_APP.format("e")} AND e.state IN ('queued', 'holding')
    ORDER BY e.urgent DESC, e.entered_at, e.deployment_id"""
_QUARANTINE = f"SELECT * FROM quarantine q WHERE {_OF_APP.format('q')} ORDER BY q.since, q.release_id"

Key = tuple[str, str, str]
Rows = Sequence[RowMapping]


async def list_environments(db: ReadSide, app: str | None = None) -> tuple[EnvironmentDetail, ...]:
    """By app, then as the app declares them, then those that it has dropped and where something is deployed still."""
    async with db.snapshot() as view:
        found = _Found(
            declared=await view.rows(sql(_DECLARED, app=app)),
            places={_key(row): row for row in await view.rows(sql(_PLACES, app=app))},
            entries=_grouped(await view.rows(sql(_ENTRIES, app=app))),
            quarantine=_grouped(await view.rows(sql(_QUARANTINE, app=app))),
            memories=await memories(view, app),
            rollouts=await _unfinished(view, app),
        )
    return tuple(found.environments())


async def get_environment(db: ReadSide, app: str, name: str) -> EnvironmentDetail | None:
    return next((each for each in await list_environments(db, app) if each.name == name), None)


async def _unfinished(db: Snapshot, app: str | None) -> dict[tuple[str, str], list[Rollout]]:
    statement = select(*ROLLOUT_COLUMNS).where(rollouts.c.state != "finished")
    if app is not None:
        statement = statement.where(rollouts.c.app == app)
    found: dict[tuple[str, str], list[Rollout]] = {}
    for row in await db.rows(statement.order_by(rollouts.c.created_at)):
        found.setdefault((row["app"], row["environment"]), []).append(as_rollout(row))
    return found


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of all tables, by place."""

    declared: Rows
    places: dict[Key, RowMapping]
    entries: dict[Key, list[RowMapping]]
    quarantine: dict[Key, list[RowMapping]]
    memories: Memories
    rollouts: dict[tuple[str, str], list[Rollout]]

    def environments(self) -> list[EnvironmentDetail]:
        found: dict[tuple[str, str], EnvironmentDetail] = {}
        for row in self.declared:
            for entry in row["entries"]:
                found[row["app"], entry["name"]] = self._declared(row, entry)
        for app, name, _ in sorted(self.places):
            if (app, name) not in found:
                found[app, name] = self._dropped(app, name)
        apps = sorted({app for app, _ in found})
        return [each for app in apps for each in found.values() if each.app == app]

    def _declared(self, row: RowMapping, entry: dict[str, Any]) -> EnvironmentDetail:
        settings = msgspec.convert(entry, EnvironmentSettings)
        origin = {name: row[name] for name in ("source", "set_by", "commit", "set_at")}
        return EnvironmentDetail(
            app=row["app"],
            name=settings.name,
            declared=True,
            strategy=strategy_of(entry),
            risk=settings.risk,
            critical=settings.critical,
            waves=settings.waves or (settings.regions,),
            places=self._places(row["app"], settings.name, settings.regions),
            rollouts=tuple(self.rollouts.get((row["app"], settings.name), ())),
            closed=_closed(settings),
            settings=settings,
            **origin,
        )

    def _dropped(self, app: str, name: str) -> EnvironmentDetail:
        return EnvironmentDetail(
            app=app,
            name=name,
            declared=False,
            strategy="",
            risk="",
            critical=False,
            waves=(),
            places=self._places(app, name, ()),
            rollouts=tuple(self.rollouts.get((app, name), ())),
        )

    def _places(self, app: str, name: str, regions: Iterable[str]) -> tuple[Place, ...]:
        others = (region for its_app, its_name, region in sorted(self.places) if (its_app, its_name) == (app, name))
        return tuple(self._place((app, name, region)) for region in dict.fromkeys((*regions, *others)))

    def _place(self, key: Key) -> Place:
        row = self.places.get(key)
        entries = self.entries.get(key, [])
        kept_out = [convert(each, Quarantined) for each in self.quarantine.get(key, [])]
        parts: dict[str, Any] = {
            "lock": next((_lock(each) for each in entries if each["state"] == "holding"), None),
            "queue": _queue([each for each in entries if each["state"] == "queued"]),
            "quarantine": tuple(kept_out),
        }
        if row is None:
            return Place(region=key[2], **parts)
        memory = self.memories.get(key)
        return Place(
            region=key[2],
            release=brief(row["release"]),
            since=row["since"],
            by=row["put_by"] or "",
            deployment_id=row["deployment_id"],
            rollout_id=row["rollout_id"],
            address=row["address"] or "",
            previous=short(memory.previous) if memory and memory.previous else None,
            kept=_kept(memory) if memory else (),
            frozen=_freeze(row),
            **parts,
        )


def _closed(settings: EnvironmentSettings) -> Closed | None:
    found = closed(settings.freezes, settings.windows, datetime.now(UTC))
    return Closed(reason=found.reason, opens_at=found.opens_at) if found else None


def _key(row: RowMapping) -> Key:
    return row["app"], row["environment"], row["region"]


def _grouped(rows: Rows) -> dict[Key, list[RowMapping]]:
    found: dict[Key, list[RowMapping]] = {}
    for row in rows:
        found.setdefault(_key(row), []).append(row)
    return found


def _lock(row: RowMapping) -> Lock:
    return convert({**row, **_stage(row)}, Lock, since=row["granted_at"])


def _stage(row: RowMapping) -> dict[str, str]:
    """The owner, where it is a stage."""
    key = split_stage_key(row["deployment_id"])
    return {"run_id": key[0], "stage": key[1]} if key else {}


def _queue(rows: Rows) -> tuple[Waiting, ...]:
    return tuple(
        convert({**row, **_stage(row)}, Waiting, since=row["entered_at"], position=position)
        for position, row in enumerate(rows, start=1)
    )


def _freeze(row: RowMapping) -> Freeze | None:
    if row["frozen_at"] is None:
        return None
    names = ("by", "reason", "until")
    return Freeze(since=row["frozen_at"], **{name: row[f"frozen_{name}"] for name in names})


def _kept(memory: EnvironmentState) -> tuple[ReleaseBrief, ...]:
    current = memory.current.release.id if memory.current else ""
    return tuple(short(each.release) for each in reversed(memory.kept) if each.release.id != current)


def without_settings(environment: EnvironmentDetail) -> Environment:
    """As lists show it."""
    return Environment(**{name: getattr(environment, name) for name in Environment.__struct_fields__})
