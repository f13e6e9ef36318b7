"""The one document of a run, from one look at each table, all at the same instant."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select

from projections.queries.briefs import version_of
from projections.queries.database import ReadSide, Snapshot, convert, seconds_between, sql
from projections.queries.run_types import (
    Approval,
    Attempt,
    Cancellation,
    ConcurrencyPlace,
    Job,
    LogTotals,
    RunDetail,
    Stage,
    StageLock,
    StageRollout,
    Step,
    Vote,
)
from projections.queries.runs import RUN_COLUMNS
from projections.queries.stage_locks import stage_locks, streams_of, waits_for
from projections.queries.stage_rollouts import stage_rollouts
from projections.tables.runs import runs

Rows = Sequence[RowMapping]
# What a stage is, whatever its jobs are.
_OWN_STATES = ("waiting_environment", "deploying", "finished", "skipped")
_MORE = (
    "description",
    "repository_url",
    "pipeline_path",
    "base_branch",
    "inputs",
    "plan_by",
    "planned_at",
    "problems",
    "warnings",
    "concurrency_group",
    "concurrency_policy",
    "cancelled_at",
    "cancelled_by",
    "cancel_reason",
    "cancel_detail",
)


async def run_detail(db: ReadSide, run_id: str) -> RunDetail | None:
    """None for a run that the views don't know (yet)."""
    more = [runs.c[name] for name in _MORE]
    async with db.snapshot() as view:
        row = await view.row(select(*RUN_COLUMNS, *more).where(runs.c.id == run_id))
        return await _assemble(view, row) if row else None


async def _assemble(db: Snapshot, run: RowMapping) -> RunDetail:
    run_id = run["id"]
    steps = await db.rows(sql("SELECT * FROM steps WHERE run_id = :id ORDER BY job_id, attempt, index", id=run_id))
    attempts = await db.rows(sql("SELECT * FROM attempts WHERE run_id = :id ORDER BY job_id, attempt", id=run_id))
    jobs = await db.rows(sql("SELECT * FROM jobs WHERE run_id = :id ORDER BY position", id=run_id))
    stages = await db.rows(sql("SELECT * FROM stages WHERE run_id = :id ORDER BY position", id=run_id))
    offers = await db.rows(sql("SELECT attempt_key, state, agent_id FROM queue WHERE run_id = :id", id=run_id))
    approvals = await _approvals(db, run)
    shown_attempts = _attempts(run_id, attempts, steps, {row["attempt_key"]: row for row in offers})
    shown_jobs = [_job(row, shown_attempts.get(row["job_id"], ())) for row in jobs]
    rollouts = await stage_rollouts(db, run_id)
    locks = await stage_locks(db, run, stages)
    shown_stages = [_stage(row, shown_jobs, approvals, rollouts, locks, run["round"]) for row in stages]
    streams = [f"run/{run_id}", *(f"rollout/{each.id}" for each in rollouts.values()), *streams_of(locks)]
    return convert(
        {
            **run,
            "stages": shown_stages,
            "approvals": approvals,
            "concurrency": await _concurrency(db, run),
            "cancellation": _cancellation(run),
            "log": _log_totals(attempts),
            "reason": _reason(run, shown_stages, approvals, rollouts),
            "version": await version_of(db, streams),
        },
        RunDetail,
    )


def _attempts(run_id: str, rows: Rows, steps: Rows, offers: dict[str, RowMapping]) -> dict[str, tuple[Attempt, ...]]:
    steps_of: dict[tuple[str, int], list[Step]] = {}
    for step in steps:
        duration = seconds_between(step["started_at"], step["finished_at"])
        shown = convert({**step} | {"duration_seconds": duration}, Step)
        steps_of.setdefault((step["job_id"], step["attempt"]), []).append(shown)
    found: dict[str, tuple[Attempt, ...]] = {}
    for row in rows:
        key = f"{run_id}/{row['job_id']}/{row['attempt']}"
        offered = row["state"] == "queued" and key in offers and offers[key]["state"] == "offered"
        extra = {
            "key": key,
            "state": "offered" if offered else row["state"],
            "duration_seconds": seconds_between(row["started_at"], row["finished_at"]),
            "log": _log_totals([row]),
            "steps": tuple(steps_of.get((row["job_id"], row["attempt"]), ())),
        }
        found[row["job_id"]] = (*found.get(row["job_id"], ()), convert({**row, **extra}, Attempt))
    return found


def _log_totals(rows: Rows) -> LogTotals:
    return LogTotals(
        chunks=sum(row["log_chunks"] for row in rows),
        lines=sum(row["log_lines"] for row in rows),
        bytes=sum(row["log_bytes"] for row in rows),
        dropped_bytes=sum(row["log_dropped_bytes"] for row in rows),
    )


def _job(row: RowMapping, attempts: tuple[Attempt, ...]) -> Job:
    newest = attempts[-1] if attempts else None
    planned = tuple(Step(index=index, name=name, state="pending") for index, name in enumerate(row["step_names"]))
    state = "offered" if row["state"] == "queued" and newest and newest.state == "offered" else row["state"]
    extra: dict[str, Any] = {
        "id": row["job_id"],
        "state": state,
        "reason": row["blocked_reason"] or row["detail"] or row["reason"],
        "duration_seconds": seconds_between(row["started_at"], row["finished_at"]),
        "steps": newest.steps if newest and row["state"] != "pending" else planned,
        "attempts": attempts,
    }
    return convert({**row, **extra}, Job)


def _stage(
    row: RowMapping,
    jobs: list[Job],
    approvals: tuple[Approval, ...],
    rollouts: dict[str, StageRollout],
    locks: dict[str, tuple[StageLock, ...]],
    round_: int,
) -> Stage:
    approval = next((each for each in approvals if each.stage == row["name"]), None)
    own = tuple(_in_stage(job, row, approval) for job in jobs if job.stage == row["name"])
    state = row["state"] if row["state"] in _OWN_STATES else _live_state(own, approval)
    rollout = rollouts.get(row["name"]) if row["state"] in ("deploying", "finished") else None
    begun = [rollout.created_at] if rollout else []
    started = min((*begun, *(job.started_at for job in own if job.started_at)), default=None)
    if state == "pending":
        started = None
    waits = waits_for(locks.get(row["name"], ()), round_) if state == "waiting_environment" else ""
    extra: dict[str, Any] = {
        "state": state,
        "reason": waits or _stage_reason(row, own, approval, rollout),
        "started_at": started,
        "duration_seconds": seconds_between(started, row["finished_at"]),
        "approval": approval,
        "jobs": own,
        "rollout": rollout,
        "locks": locks.get(row["name"], ()),
    }
    return convert({**row, **extra}, Stage)


def _in_stage(job: Job, stage: RowMapping, approval: Approval | None) -> Job:
    """A job that was never queued is what its stage is."""
    if job.state != "pending":
        return job
    if stage["state"] == "skipped":
        return msgspec.structs.replace(job, state="skipped", reason=stage["detail"])
    if approval is not None and approval.state == "pending":
        return msgspec.structs.replace(job, state="waiting_approval", reason=_missing(approval))
    return job


def _missing(approval: Approval) -> str:
    return f"waits for {approval.count - approval.given} more approval(s)"


def _live_state(jobs: tuple[Job, ...], approval: Approval | None) -> str:
    if approval is not None and approval.state == "pending":
        return "waiting_approval"
    states = {job.state for job in jobs}
    if "running" in states or ("finished" in states and len(states) > 1):
        return "running"
    return "queued" if states & {"queued", "offered"} else "running" if "finished" in states else "pending"


def _stage_reason(
    row: RowMapping, jobs: tuple[Job, ...], approval: Approval | None, rollout: StageRollout | None
) -> str:
    if row["state"] == "deploying" and rollout is not None:
        words = f"rollout {rollout.app}@{rollout.number} of {rollout.release_id} to {rollout.environment}: "
        return words + rollout.state.replace("_", " ") + (f" ({rollout.reason})" if rollout.reason else "")
    if row["detail"]:
        return str(row["detail"])
    if approval is not None and approval.state == "pending":
        return _missing(approval)
    return next((job.reason for job in jobs if job.reason), "")


async def _approvals(db: Snapshot, run: RowMapping) -> tuple[Approval, ...]:
    rows = await db.rows(sql("SELECT * FROM approvals WHERE run_id = :id ORDER BY requested_at, stage", id=run["id"]))
    votes = await db.rows(sql("SELECT * FROM approval_votes WHERE run_id = :id ORDER BY version", id=run["id"]))
    return tuple(as_approval(row, run, votes) for row in rows)


def as_approval(row: RowMapping, run: RowMapping, votes: Rows) -> Approval:
    """Votes of earlier waits of the same stage don't count any more."""
    counted = tuple(
        Vote(by=vote["given_by"], comment=vote["comment"], at=vote["given_at"])
        for vote in votes
        if vote["run_id"] == row["run_id"]
        and vote["stage"] == row["stage"]
        and vote["version"] > row["requested_version"]
    )
    facts = {name: run[name] for name in ("app", "number", "branch", "commit", "title", "author")}
    return convert({**row, **facts} | {"given": len(counted), "votes": counted}, Approval)


async def _concurrency(db: Snapshot, run: RowMapping) -> ConcurrencyPlace | None:
    if not run["concurrency_group"]:
        return None
    row = await db.row(
        sql(
            """SELECT c.*, (SELECT count(*) FROM concurrency o WHERE o.stream = c.stream AND o.state = 'queued'
                        AND o.log_offset <= c.log_offset) AS position
        FROM concurrency c WHERE c.run_id = :id""",
            id=run["id"],
        )
    )
    place = {"group": run["concurrency_group"], "policy": run["concurrency_policy"]}
    if row is None:
        return convert({**place} | {"state": "entering"}, ConcurrencyPlace)
    position = row["position"] if row["state"] == "queued" else None
    found = {"state": row["state"], "behind": row["behind"] or None, "superseded_by": row["superseded_by"] or None}
    return convert(place | found | {"position": position}, ConcurrencyPlace)


def _cancellation(run: RowMapping) -> Cancellation | None:
    if run["cancelled_at"] is None:
        return None
    return Cancellation(
        by=run["cancelled_by"], reason=run["cancel_reason"], detail=run["cancel_detail"], at=run["cancelled_at"]
    )


def _reason(
    run: RowMapping, stages: list[Stage], approvals: tuple[Approval, ...], rollouts: dict[str, StageRollout]
) -> str:
    """What the run waits for, in words."""
    if run["state"] == "requested":
        return f"reading {run['pipeline_path']} from {run['repository_url']}"
    if run["state"] == "queued":
        return f"waits for its turn in concurrency group '{run['concurrency_group']}'"
    if run["state"] == "waiting":
        asking = [each.stage for each in approvals if each.state == "pending"]
        deploying = [each.environment for each in rollouts.values() if each.state == "waiting_approval"]
        return f"waits for approval of {', '.join([*asking, *deploying])}"
    return "; ".join(_obstacles(stages)[:3]) if run["state"] == "running" else ""


def _obstacles(stages: list[Stage]) -> list[str]:
    entering = [f"{stage.name}: {stage.reason}" for stage in stages if stage.state == "waiting_environment"]
    queued = [job for stage in stages for job in stage.jobs if job.state == "queued" and job.reason]
    return [*entering, *(f"{job.name}: {job.reason}" for job in queued)]
