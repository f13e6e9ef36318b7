"""What the target shows, asked or unasked, and whether the new release is well.

lost            the target is gone: back at once
crashed         an instance of the new release has ended by itself since this deployment began: back at once
unhealthy       fewer instances are ready than the last reached step wants, for longer than the health check takes to
                call one broken (`failures` * `interval_seconds`); no step ends meanwhile

The old release's instances are not this deployment's to judge.
"""

from datetime import datetime

from msgspec.structs import replace

from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.draft import Draft
from core.deployments.endings import end_watch, lose_lock
from core.deployments.rollback import TARGET_LOST, trigger
from core.deployments.state import DeploymentState
from core.deployments.target_state import SetStatus, TargetStatus
from core.deployments.traffic import tell_early_shift, tell_shift
from core.deployments.wishes import set_of
from core.environments.settings import Health, StaticTarget


def report_health(draft: Draft, command: c.ReportHealth) -> None:
    """Unasked, and only worth an event where something has changed."""
    draft.check_epoch(command.epoch)
    state = draft.state
    if command.status.epoch > state.epoch:
        _superseded(draft, command.status.epoch)
        return
    if (_uncounted(command.status), command.lost) == (_uncounted(state.target), state.lost):
        return
    crashed = _crashed(state, command.status)
    recover_by = None if command.lost else _recover_by(draft, command.status)
    draft.tell(e.HealthReported(status=command.status, lost=command.lost, detail=command.detail, recover_by=recover_by))
    if not command.lost:
        tell_early_shift(draft, command.status)
    if not _judged(draft):
        return
    if command.lost:
        trigger(draft, TARGET_LOST, command.detail or f"the target in {state.region} is gone")
    elif crashed:
        trigger(draft, "crashed", crashed)


def check_reached(draft: Draft, status: TargetStatus) -> None:
    """A step is reached: are its instances still there, and have they held so far? A target may list none (static)."""
    tell_shift(draft, status)
    if not status.sets:
        return
    crashed = _crashed(draft.state, status)
    if crashed:
        trigger(draft, "crashed", crashed)
        return
    recover_by = _recover_by(draft, status)
    if recover_by is not None:
        draft.tell(e.HealthReported(status=status, recover_by=recover_by))


def expire_grace(draft: Draft) -> None:
    state = draft.state
    if not _judged(draft):
        draft.tell(e.HealthReported(status=state.target, lost=state.lost))
        return
    found = _found(state, state.target)
    ready, wanted = (found.ready if found else 0), _wanted(state)
    said = f" ({found.detail})" if found and found.detail else ""
    trigger(draft, "unhealthy", f"{ready} of {wanted} instances of {state.goal.id} are ready{said}")


def _judged(draft: Draft) -> bool:
    """Nobody judges what is on its way back, or was left to itself."""
    state = draft.state
    if state.status == "watching":
        return state.watch_until is None or draft.now <= state.watch_until
    return state.status in ("acting", "holding")


def _uncounted(status: TargetStatus) -> TargetStatus:
    """Requests come all the time; that is no change."""
    return replace(status, sets=tuple(replace(each, requests=None) for each in status.sets))


def _superseded(draft: Draft, epoch: int) -> None:
    if draft.state.status == "watching":
        end_watch(draft, "superseded")
    else:
        lose_lock(draft, f"the target obeys epoch {epoch}, this deployment has {draft.state.epoch}")


def _found(state: DeploymentState, status: TargetStatus) -> SetStatus | None:
    return next((each for each in status.sets if each.name == state.goal.id), None)


def _wanted(state: DeploymentState) -> int:
    wished = set_of(state.steps[state.reached].wish, state.goal.id) if state.reached >= 0 else None
    return wished.replicas if wished else 0


def _crashed(state: DeploymentState, status: TargetStatus) -> str:
    """What crashed; empty if nothing did."""
    found = _found(state, status)
    if found is None:
        return ""
    again = state.current is not None and state.current.id == state.goal.id
    before = state.restarts if state.restarts is not None else (found.restarts if again else 0)
    if found.restarts <= before:
        return ""
    said = f": {found.detail}" if found.detail else ""
    return f"{found.restarts - before} instances of {state.goal.id} ended by themselves{said}"


def _recover_by(draft: Draft, status: TargetStatus) -> datetime | None:
    state = draft.state
    found = _found(state, status)
    if not _judged(draft) or (found.ready if found else 0) >= _wanted(state):
        return None
    target = state.plan.target_in(state.region)
    health = Health() if isinstance(target, StaticTarget) else target.health
    return state.timers.due.get("grace") or draft.after(health.failures * health.interval_seconds)
