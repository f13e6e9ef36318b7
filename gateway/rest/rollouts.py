"""Rollouts: lists, the one document of a rollout, following it live, and the wheel."""

from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from core.rollouts.commands import AbortRollout, ApproveRollout, PauseRollout, PromoteRollout, ResumeRollout
from gateway.dependencies import Caller, Gateway, RolloutPart, Writing
from gateway.errors import ApiError
from gateway.realtime.rollout_watch import rollout_documents
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import Json, answers, decided, decides, streams
from gateway.rest.delivery_inputs import Promotion, Steering
from gateway.rest.delivery_lookup import existing_rollout, rollout_target
from gateway.rest.inputs import Vote
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.state import GatewayState
from projections.queries import rollouts as queries
from projections.queries.rollout_detail import rollout_detail
from projections.queries.rollout_types import Rollout, RolloutDetail
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["rollouts"])
Text = Annotated[str | None, Query(max_length=300)]
Outcome = Literal["success", "rolled_back", "aborted", "rejected", "error"]
_NO_REASON = Steering()
_ONE_STEP = Promotion()


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
    document = await rollout_detail(gateway.services.db, await existing_rollout(gateway, rollout))
    if document is None:
        raise ApiError(404, "rollout-unknown", f"There is no rollout '{rollout}'.")
    return Json(document)


@router.get(
    "/rollouts/{rollout}/watch", **streams(RolloutDetail, "The document again whenever it changed; ends with it.")
)
async def watch_rollout(rollout: RolloutPart, gateway: Gateway) -> StreamingResponse:
    rollout_id = await existing_rollout(gateway, rollout)
    return event_stream(_frames(gateway, rollout_id), gateway.closing, gateway.services.settings.heartbeat_seconds)


async def _frames(gateway: GatewayState, rollout_id: str) -> AsyncGenerator[bytes, None]:
    async for document in rollout_documents(gateway, rollout_id):
        yield frame("rollout", document, str(document.version))


@router.post("/rollouts/{rollout}/approvals", **decides())
async def vote_on_rollout(
    rollout: RolloutPart, body: Vote, gateway: Gateway, write: Writing, caller: Caller
) -> Json:
    """Approve or reject a rollout that waits for it."""
    command = ApproveRollout(by=caller.name, groups=caller.groups, approve=body.approve, comment=body.comment)
    return decided(await write.decide(await rollout_target(gateway, rollout), command))


@router.post("/rollouts/{rollout}/promote", **decides())
async def promote_rollout(
    rollout: RolloutPart, gateway: Gateway, write: Writing, body: Promotion = _ONE_STEP
) -> Json:
    """End the wait: the bake between waves, or the current step of the deployments under way."""
    command = PromoteRollout(by=write.actor, full=body.full)
    return decided(await write.decide(await rollout_target(gateway, rollout), command))


@router.post("/rollouts/{rollout}/pause", **decides())
async def pause_rollout(rollout: RolloutPart, gateway: Gateway, write: Writing, body: Steering = _NO_REASON) -> Json:
    """No further wave starts, and the deployments under way stand still; samples go on."""
    command = PauseRollout(by=write.actor, reason=body.reason)
    return decided(await write.decide(await rollout_target(gateway, rollout), command))


@router.post("/rollouts/{rollout}/resume", **decides())
async def resume_rollout(rollout: RolloutPart, gateway: Gateway, write: Writing) -> Json:
    """Go on after a pause, or after a halt: the failed regions of the wave are tried again."""
    command = ResumeRollout(by=write.actor)
    return decided(await write.decide(await rollout_target(gateway, rollout), command))


@router.post("/rollouts/{rollout}/abort", **decides())
async def abort_rollout(rollout: RolloutPart, gateway: Gateway, write: Writing, body: Steering = _NO_REASON) -> Json:
    """Take back what is under way and, unless the environment says otherwise, the regions that had finished."""
    command = AbortRollout(by=write.actor, reason=body.reason)
    return decided(await write.decide(await rollout_target(gateway, rollout), command))
