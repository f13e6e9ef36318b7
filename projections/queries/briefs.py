"""Small parts that several queries of delivery share: a release in short, a strategy's name, versions of streams."""

from collections.abc import Sequence
from typing import Any

import msgspec

from core.deployments.strategies import chosen
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings
from projections.queries.database import ReadSide, Snapshot, sql
from projections.queries.rollout_types import ReleaseBrief


def brief(release: dict[str, Any] | None) -> ReleaseBrief | None:
    """From the JSON of a release."""
    if release is None:
        return None
    return ReleaseBrief(**{name: release.get(name, "") for name in ReleaseBrief.__struct_fields__})


def short(release: Release) -> ReleaseBrief:
    return ReleaseBrief(**{name: getattr(release, name) for name in ReleaseBrief.__struct_fields__})


def known(release: dict[str, Any] | None, release_id: str) -> ReleaseBrief:
    """The same for a row that has at least the id."""
    return brief(release) or ReleaseBrief(id=release_id)


def strategy_of(settings: dict[str, Any]) -> str:
    """The name of the strategy that is used, from the JSON of an environment's settings."""
    known = msgspec.convert(settings, EnvironmentSettings)
    return str(chosen(known, known.target).__struct_config__.tag)


async def version_of(db: ReadSide | Snapshot, streams: Sequence[str]) -> int:
    """Grows with every event of these streams."""
    row = await db.row(
        sql(
            """SELECT coalesce(sum(newest.stream_version), 0) AS version
        FROM unnest(CAST(:streams AS text[])) AS wanted (stream), LATERAL
            (SELECT stream_version FROM audit a WHERE a.stream = wanted.stream ORDER BY log_offset DESC LIMIT 1)
            AS newest""",
            streams=list(streams),
        )
    )
    return int(row["version"]) if row else 0
