"""Runs: lists, the one document of a run, and following it live."""

from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from gateway.dependencies import Gateway, NamePart, RunPart
from gateway.realtime.run_watch import run_documents
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import Json, answers, streams
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_run, run_document
from gateway.state import GatewayState
from projections.queries import runs as queries
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
    return Json(await run_document(gateway, await existing_run(gateway, run)))


@router.get("/apps/{app}/runs/{number}", **answers(RunDetail))
async def get_run_by_number(app: NamePart, number: Annotated[int, Path(ge=1)], gateway: Gateway) -> Json:
    return Json(await run_document(gateway, await existing_run(gateway, f"{app}#{number}")))


@router.get("/runs/{run}/watch", **streams(RunDetail, "The document again whenever it changed; ends with the run."))
async def watch_run(run: RunPart, gateway: Gateway) -> StreamingResponse:
    run_id = await existing_run(gateway, run)
    return event_stream(_frames(gateway, run_id), gateway.closing, gateway.services.settings.heartbeat_seconds)


async def _frames(gateway: GatewayState, run_id: str) -> AsyncGenerator[bytes, None]:
    async for document in run_documents(gateway, run_id):
        yield frame("run", document, str(document.version))
