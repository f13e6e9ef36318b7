"""Going back by hand: to what was there before, or to any release that a place keeps."""

from fastapi import APIRouter

from gateway.auth import require
from gateway.dependencies import Caller, Gateway, NamePart, Writing
from gateway.rest.answers import Json, decides
from gateway.rest.delivery_inputs import NewRollback
from gateway.rest.going_back import go_back
from gateway.rest.permissions import API
from gateway.rest.rollout_answers import NewRolloutAnswer, rollout_answer

router = APIRouter(prefix=API, tags=["rollouts"])


@router.post("/apps/{app}/rollbacks", **decides(NewRolloutAnswer, 201))
async def roll_back(app: NamePart, body: NewRollback, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Straight back, with no build and before all that waits. A rollout under way is taken back itself (`aborted`)."""
    if body.override_reason:
        require(caller, "admin")
    answer = await write.earlier() or await go_back(gateway, write, app, body, caller.groups)
    return await rollout_answer(gateway, answer)
