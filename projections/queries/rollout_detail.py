"""The one document of a rollout with all its deployments, from one look at each table, all at the same instant."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, select

from projections.queries.briefs import known, version_of
from projections.queries.database import ReadSide, Snapshot, convert, sql
from projections.queries.deployment_detail import deployment_details
from projections.queries.rollout_types import (
    Bake,
    DeploymentDetail,
    Hook,
    Placement,
    RolloutApproval,
    RolloutDetail,
    Stop,
)
from projections.queries.rollouts import COLUMNS, facts
from projections.queries.run_types import Vote
from projections.tables.rollouts import rollouts

Rows = Sequence[RowMapping]


async def rollout_detail(db: ReadSide, rollout_id: str) -> RolloutDetail | None:
    """None for a rollout that the views don't know (yet)."""
    async with db.snapshot() as view:
        row = await view.row(select(*COLUMNS).where(rollouts.c.id == rollout_id))
        return await _assemble(view, row) if row else None


async def _assemble(db: Snapshot, row: RowMapping) -> RolloutDetail:
    rollout_id = row["id"]
    placed = await db.rows(
        sql(
            "SELECT * FROM rollout_placements WHERE rollout_id = :id ORDER BY started_at, wave, position", id=rollout_id
        )
    )
    requests = await db.rows(sql("SELECT * FROM rollout_requests WHERE rollout_id = :id", id=rollout_id))
    hooks = await db.rows(
        sql("SELECT * FROM rollout_hooks WHERE rollout_id = :id ORDER BY requested_at", id=rollout_id)
    )
    approvals = await db.rows(sql("SELECT * FROM rollout_approvals WHERE rollout_id = :id", id=rollout_id))
    votes = await db.rows(sql("SELECT * FROM rollout_votes WHERE rollout_id = :id ORDER BY version", id=rollout_id))
    deployments = await deployment_details(db, [each["deployment_id"] for each in placed])
    counted = {each["region"]: each["requests"] for each in requests}
    shown: dict[str, Any] = {
        **facts(row),
        "releases": {region: known(release, release["id"]) for region, release in row["releases"].items()},
        "approval": as_approval(approvals[0], row, votes) if approvals else None,
        "hooks": [convert(each, Hook) for each in hooks],
        "bake": _bake(row, counted),
        "halted": _stop(row, "halted"),
        "paused": _stop(row, "paused"),
        "aborted": _stop(row, "aborted"),
        "placements": [_placement(each, counted, deployments) for each in placed],
        "version": await version_of(db, streams_of(row, placed)),
    }
    return convert(row, RolloutDetail, **shown)


def streams_of(row: RowMapping, placed: Rows) -> list[str]:
    """All streams that the document tells of."""
    place = f"environment/{row['app']}/{row['environment']}"
    regions = {region for wave in row["waves"] for region in wave}
    return [
        f"rollout/{row['id']}",
        *(f"{place}/{region}" for region in sorted(regions)),
        *(f"deployment/{each['deployment_id']}" for each in placed),
    ]


def _placement(row: RowMapping, requests: dict[str, int], deployments: dict[str, DeploymentDetail]) -> Placement:
    found = deployments.get(row["deployment_id"])
    return convert(row, Placement, requests=requests.get(row["region"]), deployment=found)


def _bake(row: RowMapping, requests: dict[str, int]) -> Bake | None:
    if row["bake_until"] is None or row["finished_at"] is not None:
        return None
    asked = {"min_requests": row["bake_min_requests"], "give_up_at": row["bake_give_up_at"]}
    return Bake(until=row["bake_until"], requests=requests, **asked)


def _stop(row: RowMapping, word: str) -> Stop | None:
    if row[f"{word}_at"] is None:
        return None
    if word == "halted":
        said = {"code": row["halted_code"], "reason": row["halted_detail"]}
        return Stop(at=row["halted_at"], until=row["halted_until"], **said)
    known = {"code": row["aborted_code"]} if word == "aborted" else {"until": row["paused_until"]}
    return Stop(at=row[f"{word}_at"], by=row[f"{word}_by"], reason=row[f"{word}_reason"], **known)


def as_approval(row: RowMapping, rollout: RowMapping, votes: Rows) -> RolloutApproval:
    """`votes` may be those of other rollouts too."""
    counted = tuple(
        Vote(by=vote["given_by"], comment=vote["comment"], at=vote["given_at"])
        for vote in votes
        if vote["rollout_id"] == row["rollout_id"]
    )
    said = {name: rollout[name] for name in ("app", "environment", "number")}
    release = known(rollout["release"], rollout["release_id"])
    asked = {"release": release, "asked_by": rollout["by"], "given": len(counted), "votes": counted}
    return convert(row, RolloutApproval, **said, **asked)
