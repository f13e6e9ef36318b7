"""What people may do with a rollout: agree to it, and steer it."""

from fastapi import APIRouter

from core.rollouts.commands import AbortRollout, ApproveRollout, PauseRollout, PromoteRollout, ResumeRollout
from gateway.dependencies import Caller, Gateway, RolloutPart, Writing
from gateway.rest.answers import Json, decided, decides
from gateway.rest.delivery_inputs import Promotion, Steering
from gateway.rest.inputs import Vote
from gateway.rest.permissions import API
from gateway.rest.rollout_lookup import rollout_target

router = APIRouter(prefix=API, tags=["rollouts"])
_NO_REASON = Steering()
_ONE_STEP = Promotion()


@router.post("/rollouts/{rollout}/approvals", **decides())
async def vote_on_rollout(rollout: RolloutPart, body: Vote, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Approve or reject a rollout that waits for it."""
    command = ApproveRollout(by=caller.name, groups=caller.groups, approve=body.approve, comment=body.comment)
    return decided(await write.decide(await rollout_target(gateway, rollout), command))


@router.post("/rollouts/{rollout}/promote", **decides())
async def promote_rollout(rollout: RolloutPart, gateway: Gateway, write: Writing, body: Promotion = _ONE_STEP) -> Json:
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
