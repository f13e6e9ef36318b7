"""What people may do with a run: cancel it, run it again, approve a stage that waits, let one through a freeze."""

from fastapi import APIRouter

from core.environments.commands import OverrideFreeze
from core.ids import stage_key
from core.runs.commands import ApproveStage, CancelRun, RerunRun
from gateway.dependencies import Caller, Gateway, NamePart, RunPart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, decided, decides
from gateway.rest.delivery_inputs import FreezeOverride
from gateway.rest.environment_lookup import place_target
from gateway.rest.inputs import Cancellation, Rerun, Vote
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_run, run_document, run_target

router = APIRouter(prefix=API, tags=["runs"])
_NO_DETAIL = Cancellation()
_ALL_AGAIN = Rerun()


@router.post("/runs/{run}/cancel", **decides())
async def cancel_run(run: RunPart, gateway: Gateway, write: Writing, body: Cancellation = _NO_DETAIL) -> Json:
    """Running jobs get SIGTERM and, after 10 s, SIGKILL; waiting ones don't start."""
    target = await run_target(gateway, run)
    return decided(await write.decide(target, CancelRun(by=write.actor, detail=body.detail)))


@router.post("/runs/{run}/rerun", **decides())
async def rerun_run(run: RunPart, gateway: Gateway, write: Writing, body: Rerun = _ALL_AGAIN) -> Json:
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


@router.post("/runs/{run}/stages/{stage}/override", **decides())
async def override_freeze_of_stage(
    run: RunPart, stage: NamePart, body: FreezeOverride, gateway: Gateway, write: Writing
) -> Json:
    """An emergency: a stage that waits for its environment's lock goes through a freeze or outside its windows, in the
    region that it waits for now. The reason stays on record."""
    document = await run_document(gateway, await existing_run(gateway, run))
    locks = [lock for each in document.stages if each.name == stage for lock in each.locks if lock.state == "queued"]
    if not locks:
        detail = f"Stage '{stage}' of run {document.id} does not wait for the lock of an environment."
        raise ApiError(409, "deployment-not-waiting", detail)
    lock = locks[-1]
    target = await place_target(gateway, lock.app, lock.environment, lock.region)
    owner = stage_key(document.id, stage, lock.round)
    command = OverrideFreeze(deployment_id=owner, by=write.actor, reason=body.reason)
    return decided(await write.decide(target, command))
