"""Making an approval link, for oneself."""

from datetime import UTC, datetime, timedelta

import msgspec
from fastapi import APIRouter

from gateway.approval_links import ApprovalLink
from gateway.dependencies import Caller, Gateway, RolloutPart
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers
from gateway.rest.permissions import API
from gateway.rest.rollout_lookup import rollout_document

router = APIRouter(prefix=API, tags=["rollouts"])
LIFETIME = timedelta(hours=24)


class NewLink(msgspec.Struct, frozen=True):
    """Whoever opens `url` may approve or reject as `person`: keep it to yourself."""

    url: str
    person: str
    expires_at: datetime


@router.post("/rollouts/{rollout}/approval-links", **answers(NewLink, 201, "The link, made for the caller."))
async def make_approval_link(rollout: RolloutPart, gateway: Gateway, caller: Caller) -> Json:
    """A page on which the caller approves without a command line; it ends with the approval's time, or after a day."""
    found = await rollout_document(gateway, rollout)
    if found.approval is None or found.approval.state != "pending":
        raise ApiError(409, "approval-not-pending", f"Rollout '{rollout}' doesn't wait for an approval.")
    expires_at = min(found.approval.expires_at, gateway.services.clock.now() + LIFETIME)
    seconds = int(expires_at.timestamp())
    token = gateway.services.links.sign(ApprovalLink(found.id, caller.name, caller.token_id, seconds))
    url = f"{gateway.services.settings.public_url.rstrip('/')}/approve/{token}"
    return Json(NewLink(url, caller.name, datetime.fromtimestamp(seconds, UTC)), 201)
