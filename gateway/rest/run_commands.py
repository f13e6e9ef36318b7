"""What people may do with a run: cancel it, run it again, approve a stage that waits."""

from fastapi import APIRouter

from core.runs.commands import ApproveStage, CancelRun, RerunRun
from gateway.dependencies import Caller, Gateway, NamePart, RunPart, Writing
from gateway.rest.answers import Json, decided, decides
from gateway.rest.inputs import Cancellation, Rerun, Vote
from gateway.rest.permissions import API
from gateway.rest.run_lookup import run_target

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
