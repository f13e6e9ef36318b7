"""The rollouts by which the stages of a run deploy."""

from sqlalchemy import select

from projections.queries.database import Snapshot
from projections.queries.rollout_types import Rollout
from projections.queries.rollouts import COLUMNS, as_rollout
from projections.queries.run_types import StageRollout
from projections.tables.rollouts import rollouts


async def stage_rollouts(db: Snapshot, run_id: str) -> dict[str, StageRollout]:
    """The newest of each stage."""
    rows = await db.rows(select(*COLUMNS).where(rollouts.c.run_id == run_id).order_by(rollouts.c.number))
    return {row["stage"]: _brief(as_rollout(row)) for row in rows}


def _brief(rollout: Rollout) -> StageRollout:
    names = set(StageRollout.__struct_fields__) - {"release_id"}
    return StageRollout(release_id=rollout.release.id, **{name: getattr(rollout, name) for name in names})
