"""The locks of environments that stages with steps of their own hold or wait for."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, select

from core.ids import split_stage_key, stage_key
from projections.queries.database import Snapshot, convert
from projections.queries.run_types import StageLock
from projections.tables.environments import place_entries


async def stage_locks(db: Snapshot, run: RowMapping, stages: Sequence[RowMapping]) -> dict[str, tuple[StageLock, ...]]:
    """Those of all rounds by stage, in the order in which they were asked for."""
    named = [row["name"] for row in stages if row["environment"]]
    owners = [stage_key(run["id"], name, round_) for name in named for round_ in range(1, run["round"] + 1)]
    if not owners:
        return {}
    entries = select(place_entries).where(place_entries.c.deployment_id.in_(owners))
    found: dict[str, tuple[StageLock, ...]] = {}
    for row in await db.rows(entries.order_by(place_entries.c.entered_at, place_entries.c.region)):
        key = split_stage_key(row["deployment_id"])
        assert key is not None
        lock = convert({**row, "round": key[2], "since": row["granted_at"] or row["entered_at"]}, StageLock)
        found[key[1]] = (*found.get(key[1], ()), lock)
    return found


def streams_of(locks: dict[str, tuple[StageLock, ...]]) -> tuple[str, ...]:
    """Of their environments."""
    places = (f"environment/{each.app}/{each.environment}/{each.region}" for own in locks.values() for each in own)
    return tuple(dict.fromkeys(places))


def waits_for(locks: tuple[StageLock, ...], round_: int) -> str:
    """In words; nothing where the environment hasn't said."""
    waiting = next((each for each in locks if each.state == "queued" and each.round == round_), None)
    return f"{waiting.environment} in {waiting.region}: {waiting.reason}" if waiting else ""
