"""What waits for people: stages of runs, and rollouts."""

import msgspec
from fastapi import APIRouter

from gateway.dependencies import Gateway
from gateway.rest.answers import Json, answers
from gateway.rest.permissions import API
from projections.queries.approvals import pending_approvals, pending_rollout_approvals
from projections.queries.rollout_types import RolloutApproval
from projections.queries.run_types import Approval

router = APIRouter(prefix=API, tags=["operations"])


class Approvals(msgspec.Struct, frozen=True):
    """`items` are stages of runs; `rollouts` wait in the same way."""

    items: tuple[Approval, ...]
    rollouts: tuple[RolloutApproval, ...]


@router.get("/approvals", **answers(Approvals))
async def list_approvals(gateway: Gateway) -> Json:
    """What waits for somebody, the longest waiting first."""
    db = gateway.services.db
    return Json(Approvals(await pending_approvals(db), await pending_rollout_approvals(db)))
