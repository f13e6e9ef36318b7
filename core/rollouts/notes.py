"""What deployments and the deployer say to their rollout, and what follows from it."""

from core.rollouts import commands as c
from core.rollouts import events as e
from core.rollouts.draft import Draft
from core.rollouts.endings import finish
from core.rollouts.returning import go_back, go_on_back, start_return
from core.rollouts.state import Cause
from core.rollouts.steering import STOP_LIMIT
from core.rollouts.waves import go_forward


def go_on(draft: Draft) -> None:
    """Whatever is next."""
    state = draft.state
    if state.status == "finished":
        return
    if state.status == "returning":
        go_on_back(draft)
    elif state.kind == "rollback" and state.of("failed", "unclear", "breached") and not state.of("running"):
        _end_rollback(draft)
    else:
        go_forward(draft)


def _end_rollback(draft: Draft) -> None:
    """There is nothing to go back to from a rollback that failed; all regions have had their try."""
    state = draft.state
    name = state.of("failed", "unclear", "breached")[0]
    region = state.regions[name]
    finish(draft, "error", region.code or "rollback-failed", f"{name}: {region.detail}")


def note_deployment(draft: Draft, command: c.NoteDeployment) -> None:
    region = draft.state.regions.get(command.region)
    if region is None or region.deployment_id != command.deployment_id:
        return
    if command.what == "finished":
        if region.status in ("running", "returning"):
            _finished(draft, command)
    elif region.watching:
        _watched(draft, command)


def _finished(draft: Draft, command: c.NoteDeployment) -> None:
    draft.tell(
        e.RegionFinished(
            region=command.region,
            deployment_id=command.deployment_id,
            outcome=command.outcome,
            code=command.code,
            detail=command.detail,
            rollback_to=command.rollback_to,
            watching=command.watching,
            touched=command.touched,
        )
    )
    state = draft.state
    region = state.regions[command.region]
    if region.status == "stuck" and region.code == "lock-lost" and region.returns < 3:
        start_return(draft, [command.region], state.cause)
    elif region.status in ("failed", "unclear"):
        why = f"{command.region}: {command.detail or command.outcome}"
        _blame(draft, command.region, Cause(command.code or command.outcome, why))
    go_on(draft)


def _watched(draft: Draft, command: c.NoteDeployment) -> None:
    breach = command.what == "breach"
    code = command.code or ("watch-breach" if breach else "")
    draft.tell(
        e.WatchOver(
            region=command.region,
            deployment_id=command.deployment_id,
            breach=breach,
            code=code,
            detail=command.detail,
        )
    )
    if breach:
        _blame(draft, command.region, Cause(code, f"{command.region}, while watched: {command.detail or code}"))
    go_on(draft)


def _blame(draft: Draft, region: str, cause: Cause) -> None:
    """Under `halt` the others stay, but the region that is to blame goes back all the same, if it must."""
    state = draft.state
    if state.status == "returning" or state.kind == "rollback":
        return
    if state.plan.on_failure == "rollback_all":
        go_back(draft, cause)
        return
    if not state.halted:
        draft.tell(e.RolloutHalted(code=cause.code, detail=cause.detail, expires_at=draft.now + STOP_LIMIT))
    found = state.regions[region]
    if found.status != "failed" and found.rollback_to is not None and not state.goal.incompatible_before:
        start_return(draft, [region], cause)


def note_requests(draft: Draft, command: c.NoteRequests) -> None:
    """As long as the bake still needs them."""
    state = draft.state
    least = state.plan.bake.min_requests
    region = state.regions.get(command.region)
    if region is None or region.deployment_id != command.deployment_id or region.wave + 1 == len(state.waves):
        return
    if region.requests < least and command.requests > region.requests:
        draft.tell(e.RequestsNoted(region=command.region, requests=command.requests))
        go_on(draft)


def report_hook(draft: Draft, command: c.ReportHook) -> None:
    state = draft.state
    if (state.down if command.down else state.hook) == "running":
        end_hook(
            draft,
            e.HookFinished(
                ok=command.ok,
                exit_code=command.exit_code,
                output=command.output,
                detail=command.detail,
                down=command.down,
            ),
        )


def end_hook(draft: Draft, event: e.HookFinished) -> None:
    draft.tell(event)
    state = draft.state
    if state.status == "preparing" and not event.ok:
        code = f" with exit code {event.exit_code}" if event.exit_code is not None else ""
        what = "the way down of the migration" if event.down else "the pre-deploy command"
        finish(draft, "error", "hook-failed", f"{what} failed{code}: {event.detail or event.output[-500:]}")
    else:
        go_on(draft)
