"""What a place remembers of its releases, by its aggregate's rules: what a rollback goes to, and what it leaves."""

import msgspec

from core.environments.events import ReleaseChanged
from core.environments.evolve import evolve
from core.environments.release import Release
from core.environments.state import KEPT, EnvironmentState
from projections.queries.database import ReadSide, Snapshot, sql

# A place keeps KEPT releases; some of them came more than once.
_CHANGES = 3 * KEPT
_OF_APP = "(CAST(:app AS text) IS NULL OR {0}.app = :app)"
_EARLIER = f"""SELECT h.* FROM places p, LATERAL (SELECT * FROM place_releases r WHERE r.app = p.app
        AND r.environment = p.environment AND r.region = p.region ORDER BY r.version DESC LIMIT :changes) AS h
    WHERE {_OF_APP.format("p")} ORDER BY h.version"""
_QUARANTINE = f"SELECT * FROM quarantine q WHERE {_OF_APP.format('q')}"

Memories = dict[tuple[str, str, str], EnvironmentState]


async def memories(db: ReadSide | Snapshot, app: str | None) -> Memories:
    """By (app, environment, region). Only `current`, `kept` and `quarantine` are filled."""
    found: Memories = {}
    for row in await db.rows(sql(_EARLIER, app=app, changes=_CHANGES)):
        key = (row["app"], row["environment"], row["region"])
        event = ReleaseChanged(
            release=msgspec.convert(row["release"], Release),
            deployment_id=row["deployment_id"],
            rollout_id=row["rollout_id"],
            rollback=row["rollback"],
        )
        evolve(found.setdefault(key, EnvironmentState(id="/".join(key))), event)
    for row in await db.rows(sql(_QUARANTINE, app=app)):
        memory = found.get((row["app"], row["environment"], row["region"]))
        if memory is not None:
            memory.quarantine = memory.quarantine | {row["release_id"]: row["reason"]}
    return found


async def memories_of(db: ReadSide, app: str, environment: str) -> dict[str, EnvironmentState]:
    """Those of one environment, by region."""
    found = await memories(db, app)
    return {region: memory for (_, name, region), memory in found.items() if name == environment}
