"""Deployments: one environment, one region, one release. Lists, the document of one, its samples, and the wheel."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from core.deployments.commands import AbortDeployment, PauseDeployment, PromoteDeployment, ResumeDeployment
from core.environments.commands import OverrideFreeze
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.delivery_inputs import FreezeOverride, Promotion, Steering
from gateway.rest.deployment_lookup import deployment_document, deployment_target, existing_deployment
from gateway.rest.environment_lookup import place_target
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from projections.queries import deployments as queries
from projections.queries.rollout_types import Deployment, DeploymentDetail, Sample
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["deployments"])
Text = Annotated[str | None, Query(max_length=300)]
Outcome = Literal["success", "rolled_back", "aborted", "error"]
_NO_REASON = Steering()
_ONE_STEP = Promotion()


@router.get("/deployments", **answers(Page[Deployment]))
async def list_deployments(
    gateway: Gateway,
    app: Text = None,
    environment: Text = None,
    region: Text = None,
    release: Text = None,
    outcome: Outcome | None = None,
    unfinished: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """Newest first."""
    wanted = queries.DeploymentFilter(
        app=app, environment=environment, region=region, release=release, outcome=outcome, unfinished=unfinished
    )
    return Json(await queries.list_deployments(gateway.services.db, wanted, cursor, limit))


@router.get("/deployments/{deployment}", **answers(DeploymentDetail))
async def get_deployment(deployment: NamePart, gateway: Gateway) -> Json:
    """Everything about a deployment: steps, weights, what the target shows, the newest samples, why it went back."""
    return Json(await deployment_document(gateway, deployment))


@router.get("/deployments/{deployment}/samples", **answers(Page[Sample]))
async def list_samples(deployment: NamePart, gateway: Gateway, limit: Limit = 200, cursor: Cursor = None) -> Json:
    """All that was ever measured of it, in order."""
    await existing_deployment(gateway, deployment)
    return Json(await queries.list_samples(gateway.services.db, deployment, cursor, limit))


@router.post("/deployments/{deployment}/promote", **decides())
async def promote_deployment(
    deployment: NamePart, gateway: Gateway, write: Writing, body: Promotion = _ONE_STEP
) -> Json:
    """End the current step's wait."""
    command = PromoteDeployment(by=write.actor, full=body.full)
    return decided(await write.decide(await deployment_target(gateway, deployment), command))


@router.post("/deployments/{deployment}/pause", **decides())
async def pause_deployment(deployment: NamePart, gateway: Gateway, write: Writing, body: Steering = _NO_REASON) -> Json:
    """The step's time stands still; samples go on."""
    command = PauseDeployment(by=write.actor, reason=body.reason)
    return decided(await write.decide(await deployment_target(gateway, deployment), command))


@router.post("/deployments/{deployment}/resume", **decides())
async def resume_deployment(deployment: NamePart, gateway: Gateway, write: Writing) -> Json:
    command = ResumeDeployment(by=write.actor)
    return decided(await write.decide(await deployment_target(gateway, deployment), command))


@router.post("/deployments/{deployment}/abort", **decides())
async def abort_deployment(deployment: NamePart, gateway: Gateway, write: Writing, body: Steering = _NO_REASON) -> Json:
    """Take this region back; what becomes of the others is the rollout's to decide."""
    command = AbortDeployment(by=write.actor, reason=body.reason)
    return decided(await write.decide(await deployment_target(gateway, deployment), command))


@router.post("/deployments/{deployment}/override", **decides())
async def override_freeze(deployment: NamePart, body: FreezeOverride, gateway: Gateway, write: Writing) -> Json:
    """An emergency: the waiting deployment goes through a freeze or outside its windows. The reason stays on record."""
    found = await existing_deployment(gateway, deployment)
    target = await place_target(gateway, found.app, found.environment, found.region)
    command = OverrideFreeze(deployment_id=found.id, by=write.actor, reason=body.reason)
    return decided(await write.decide(target, command))
