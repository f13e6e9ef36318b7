"""Rollouts: lists, the one document of a rollout, and following it live."""

from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from gateway.dependencies import Gateway, RolloutPart
from gateway.realtime.rollout_watch import rollout_documents
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import Json, answers, streams
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.rest.rollout_lookup import existing_rollout, rollout_document
from gateway.state import GatewayState
from projections.queries import rollouts as queries
from projections.queries.rollout_types import Rollout, RolloutDetail
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["rollouts"])
Text = Annotated[str | None, Query(max_length=300)]
Outcome = Literal["success", "rolled_back", "aborted", "rejected", "error"]


@router.get("/rollouts", **answers(Page[Rollout]))
async def list_rollouts(
    gateway: Gateway,
    app: Text = None,
    environment: Text = None,
    release: Text = None,
    run: Text = None,
    outcome: Outcome | None = None,
    unfinished: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """Newest first."""
    wanted = queries.RolloutFilter(
        app=app, environment=environment, release=release, run=run, outcome=outcome, unfinished=unfinished
    )
    return Json(await queries.list_rollouts(gateway.services.db, wanted, cursor, limit))


@router.get("/rollouts/{rollout}", **answers(RolloutDetail))
async def get_rollout(rollout: RolloutPart, gateway: Gateway) -> Json:
    """Everything about a rollout: waves, approval, bake, and each region's deployment with weights and samples."""
    return Json(await rollout_document(gateway, rollout))


@router.get(
    "/rollouts/{rollout}/watch", **streams(RolloutDetail, "The document again whenever it changed; ends with it.")
)
async def watch_rollout(rollout: RolloutPart, gateway: Gateway) -> StreamingResponse:
    rollout_id = await existing_rollout(gateway, rollout)
    return event_stream(_frames(gateway, rollout_id), gateway.closing, gateway.services.settings.heartbeat_seconds)


async def _frames(gateway: GatewayState, rollout_id: str) -> AsyncGenerator[bytes, None]:
    async for document in rollout_documents(gateway, rollout_id):
        yield frame("rollout", document, str(document.version))
