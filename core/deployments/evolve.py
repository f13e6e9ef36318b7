"""How each event changes a Deployment. Total, and in place: a fact that is in the log is not questioned."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from core.aggregate import CommandIgnored, CommandRejected
from core.analysis.tally import note, probe_key
from core.deployments import events as e
from core.deployments.state import Cause, DeploymentState
from core.deployments.target_state import TargetStatus


def evolve(state: DeploymentState, event: Any) -> DeploymentState:
    _EVOLVE[type(event)](state, event)
    return state


def _requested(state: DeploymentState, event: e.DeploymentRequested) -> None:
    state.status = "waiting"
    state.app = event.app
    state.environment = event.environment
    state.region = event.region
    state.rollout_id = event.rollout_id
    state.release = event.release
    state.settings = event.settings
    state.kind = event.kind
    state.timers.set("wait", event.give_up_at)


def _started(state: DeploymentState, event: e.DeploymentStarted) -> None:
    state.status = "holding"
    state.epoch = event.epoch
    state.steps = event.steps
    state.current = event.current
    state.rollback_to = event.rollback_to
    state.weights = {event.current.id: 100} if event.current else {}
    state.deadline_at = event.deadline_at
    state.timers.clear("wait")
    state.timers.set("deadline", event.deadline_at)
    state.timers.set("renew", event.renew_at)
    if state.paused:
        state.remaining = 0.0


def _renewal_requested(state: DeploymentState, event: e.LockRenewalRequested) -> None:
    state.timers.set("renew", event.next_at)


def _action_requested(state: DeploymentState, event: e.ActionRequested) -> None:
    if event.step >= 0:
        state.status = "acting"
        state.step = event.step
    state.action = event.action
    state.wish = event.wish
    state.timers.clear("hold")
    state.timers.clear("retry")
    state.timers.set("answer", event.answer_by)


def _action_failed(state: DeploymentState, event: e.ActionFailed) -> None:
    state.failure = Cause(event.code, event.detail)
    state.timers.clear("answer")
    state.timers.set("retry", event.retry_at)
    if event.status.sets:
        _see(state, event.status)


def _step_reached(state: DeploymentState, event: e.StepReached) -> None:
    state.status = "holding"
    state.step = state.reached = event.step
    state.lost = False
    _see(state, event.status)
    if state.paused:
        held = 0.0 if state.full else state.steps[event.step].hold_seconds
        # A default that is a whole number would read otherwise from a snapshot.
        state.remaining = None if held is None else float(held)
    if event.analysis_from is not None:
        state.analysis_from = event.analysis_from
        state.timers.set("sample", event.analysis_from + timedelta(seconds=state.plan.analysis.interval_seconds))
    state.timers.clear("answer")
    state.timers.clear("grace")
    _hold(state, event.hold_until)


def _traffic_shifted(state: DeploymentState, event: e.TrafficShifted) -> None:
    state.weights = event.weights


def _sample_requested(state: DeploymentState, event: e.SampleRequested) -> None:
    state.sample = event.number
    state.asked = (*(check.name for check in event.checks), *(probe_key(probe.name) for probe in event.probes))
    state.next_sample_at = event.next_at
    state.timers.set("sample", event.answer_by)


def _sample_recorded(state: DeploymentState, event: e.SampleRecorded) -> None:
    note(state.tallies, event.judged, event.measurements)
    state.asked = None
    if state.status == "watching" and state.requests is None:
        state.requests = event.total_requests
    state.timers.set("sample", state.next_sample_at)


def _analysis_concluded(state: DeploymentState, event: e.AnalysisConcluded) -> None:
    state.concluded = True


def _health_reported(state: DeploymentState, event: e.HealthReported) -> None:
    state.lost = event.lost
    _see(state, event.status)
    state.timers.set("grace", event.recover_by)
    _hold(state, state.timers.due.get("hold"))


def _paused(state: DeploymentState, event: e.DeploymentPaused) -> None:
    state.paused = True
    state.remaining = event.remaining_seconds
    state.timers.clear("hold")


def _resumed(state: DeploymentState, event: e.DeploymentResumed) -> None:
    state.paused = False
    state.remaining = None
    _hold(state, event.hold_until)


def _promoted(state: DeploymentState, event: e.DeploymentPromoted) -> None:
    state.full = state.full or event.full


def _rollback_triggered(state: DeploymentState, event: e.RollbackTriggered) -> None:
    state.cause = Cause(event.code, event.detail, event.by)
    if state.status == "watching":
        return
    renew = state.timers.due.get("renew")
    state.status = "rolling_back"
    state.paused = False
    state.asked = None
    state.failure = None
    state.timers.clear_all()
    state.timers.set("renew", renew)
    state.timers.set("give-up", event.give_up_at)


def _watch_started(state: DeploymentState, event: e.WatchStarted) -> None:
    state.status = "watching"
    state.watch_until = event.until
    state.requests = event.requests
    state.timers.set("watch", event.count_until or event.until)
    state.timers.set("sample", event.sample_at)


def _watch_ended(state: DeploymentState, event: e.WatchEnded) -> None:
    state.status = "finished"
    state.asked = None
    state.timers.clear_all()


def _finished(state: DeploymentState, event: e.DeploymentFinished) -> None:
    state.status = "finished"
    state.outcome = event.outcome
    state.timers.clear_all()


def _hold(state: DeploymentState, until: datetime | None) -> None:
    """No step ends while it isn't known whether the new release recovers."""
    recover_by = state.timers.due.get("grace")
    state.timers.set("hold", max(until, recover_by) if until and recover_by else until)


def _see(state: DeploymentState, status: TargetStatus) -> None:
    """What the target shows. The same release deployed again may have had restarts before."""
    state.target = status
    if state.restarts is None and state.release is not None:
        again = state.current is not None and state.current.id == state.release.id
        found = next((each for each in status.sets if each.name == state.goal.id), None)
        if found is not None:
            state.restarts = found.restarts if again else 0


def _nothing(state: DeploymentState, event: Any) -> None:
    """On record, and changes nothing."""


_EVOLVE: dict[type[Any], Callable[[DeploymentState, Any], None]] = {
    e.DeploymentRequested: _requested,
    e.DeploymentStarted: _started,
    e.LockRenewalRequested: _renewal_requested,
    e.ActionRequested: _action_requested,
    e.ActionFailed: _action_failed,
    e.StepReached: _step_reached,
    e.TrafficShifted: _traffic_shifted,
    e.SampleRequested: _sample_requested,
    e.SampleRecorded: _sample_recorded,
    e.AnalysisConcluded: _analysis_concluded,
    e.HealthReported: _health_reported,
    e.DeploymentPaused: _paused,
    e.DeploymentResumed: _resumed,
    e.DeploymentPromoted: _promoted,
    e.RollbackTriggered: _rollback_triggered,
    e.ReleaseActivated: _nothing,
    e.WatchStarted: _watch_started,
    e.WatchEnded: _watch_ended,
    e.DeploymentFinished: _finished,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
