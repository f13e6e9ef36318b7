"""Bringing a release into an environment."""

from fastapi import APIRouter

from core.catalog.commands import RequestRollout
from core.rollouts.commands import Origin
from gateway.auth import require
from gateway.dependencies import Caller, Gateway, NamePart, Writing
from gateway.rest.answers import Json, decides
from gateway.rest.apps import app_target, existing_app
from gateway.rest.delivery_inputs import NewDeployment
from gateway.rest.permissions import API
from gateway.rest.release_lookup import wanted_release
from gateway.rest.rollout_answers import NewRolloutAnswer, rollout_answer

router = APIRouter(prefix=API, tags=["rollouts"])


@router.post("/apps/{app}/deployments", **decides(NewRolloutAnswer, 201))
async def deploy(app: NamePart, body: NewDeployment, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Bring a release into an environment: a rollout through its regions, in waves, with one region too."""
    await existing_app(gateway, app)
    if body.override_reason:
        require(caller, "admin")
    command = RequestRollout(
        environment=body.environment,
        release=await wanted_release(gateway, app, body.release),
        origin=Origin(by=caller.name, groups=caller.groups),
        regions=tuple(body.regions),
        override_reason=body.override_reason or "",
        strategy_override=body.strategy or "",
    )
    return await rollout_answer(gateway, await write.decide(app_target(gateway, app), command))
