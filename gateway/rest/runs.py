"""Runs: lists, the one document of a run, following it live, and what people may do with it."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from core.runs.commands import ApproveStage, CancelRun, RerunRun
from gateway.dependencies import Caller, Gateway, NamePart, RunPart, Writing
from gateway.errors import ApiError
from gateway.realtime.run_watch import run_documents
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import Json, answers, decided, decides, streams
from gateway.rest.inputs import Cancellation, Rerun, Vote
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_run, run_target
from gateway.state import GatewayState
from projections.queries import runs as queries
from projections.queries.run_detail import run_detail
from projections.queries.run_types import Run, RunDetail
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["runs"])
State = Literal["requested", "queued", "running", "waiting", "finished"]
Outcome = Literal["success", "failure", "cancelled", "error", "invalid", "ignored"]
Text = Annotated[str | None, Query(max_length=300)]


@router.get("/runs", **answers(Page[Run]))
async def list_runs(
    gateway: Gateway,
    app: Text = None,
    branch: Text = None,
    actor: Text = None,
    region: Text = None,
    commit: Text = None,
    state: State | None = None,
    outcome: Outcome | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """Newest first. Ignored runs (their trigger section did not ask for them) only with `outcome=ignored`."""
    wanted = queries.RunFilter(
        app=app, branch=branch, actor=actor, region=region, commit=commit, state=state, outcome=outcome
    )
    return Json(await queries.list_runs(gateway.services.db, wanted, cursor, limit))


@router.get("/runs/{run}", **answers(RunDetail))
async def get_run(run: RunPart, gateway: Gateway) -> Json:
    """Everything about a run: stages, jobs, attempts, steps, approvals, and why it waits."""
    return Json(await _document(gateway, await existing_run(gateway, run)))


@router.get("/apps/{app}/runs/{number}", **answers(RunDetail))
async def get_run_by_number(app: NamePart, number: Annotated[int, Path(ge=1)], gateway: Gateway) -> Json:
    return Json(await _document(gateway, await existing_run(gateway, f"{app}#{number}")))


@router.get("/runs/{run}/watch", **streams(RunDetail, "The document again whenever it changed; ends with the run."))
async def watch_run(run: RunPart, gateway: Gateway) -> StreamingResponse:
    run_id = await existing_run(gateway, run)
    return event_stream(_frames(gateway, run_id), gateway.closing, gateway.services.settings.heartbeat_seconds)


@router.post("/runs/{run}/cancel", **decides())
async def cancel_run(run: RunPart, body: Cancellation, gateway: Gateway, write: Writing) -> Json:
    """Running jobs get SIGTERM and, after 10 s, SIGKILL; waiting ones don't start."""
    target = await run_target(gateway, run)
    return decided(await write.decide(target, CancelRun(by=write.actor, detail=body.detail)))


@router.post("/runs/{run}/rerun", **decides())
async def rerun_run(run: RunPart, body: Rerun, gateway: Gateway, write: Writing) -> Json:
    """A new round of a finished run; earlier attempts keep their logs."""
    target = await run_target(gateway, run)
    return decided(await write.decide(target, RerunRun(mode=body.mode, by=write.actor, stage=body.stage)))


@router.post("/runs/{run}/approvals/{stage}", **decides())
async def vote(run: RunPart, stage: NamePart, body: Vote, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Approve or reject a stage that waits for it."""
    command = ApproveStage(
        stage=stage, by=caller.name, groups=caller.groups, approve=body.approve, comment=body.comment
    )
    return decided(await write.decide(await run_target(gateway, run), command))


async def _document(gateway: GatewayState, run_id: str) -> RunDetail:
    document = await run_detail(gateway.services.db, run_id)
    if document is None:
        raise ApiError(404, "run-not-found", f"There is no run '{run_id}'.")
    return document


async def _frames(gateway: GatewayState, run_id: str) -> AsyncIterator[bytes]:
    async for document in run_documents(gateway, run_id):
        yield frame("run", document, str(document.version))
