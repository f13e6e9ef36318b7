"""From step to step: how long each is held, and what comes after the last.

A step ends when its time is over, its instances are well and nobody has paused the deployment; or when somebody
promotes it (steering.py). At the end of the last timed hold with an analysis every check must have passed once.
"""

from datetime import datetime

from core.analysis.judge import inconclusive, unproven
from core.deployments import commands as c
from core.deployments import events as e
from core.deployments import health
from core.deployments.asking import request_step
from core.deployments.draft import Draft
from core.deployments.endings import activate, finish
from core.deployments.rollback import trigger
from core.deployments.samples import begin_with
from core.deployments.state import DeploymentState
from core.deployments.watching import watch
from core.deployments.wishes import weight_of


def reach(draft: Draft, command: c.ReportTarget) -> None:
    """The target is as the step wants it."""
    state = draft.state
    index = state.step
    draft.tell(
        e.StepReached(
            step=index,
            action=command.action,
            status=command.status,
            probes=command.probes,
            hold_until=None if state.paused else until(draft, 0 if state.full else state.steps[index].hold_seconds),
            analysis_from=draft.now if begin_with(state, state.steps[index]) else None,
        )
    )
    health.check_reached(draft, command.status)
    settle(draft)


def until(draft: Draft, seconds: float | None) -> datetime | None:
    """When a hold of so long is over; None where only a person ends it."""
    return None if seconds is None else draft.after(seconds)


def settle(draft: Draft) -> None:
    """On to the next step, if nothing holds this one."""
    if draft.state.status == "holding" and draft.due("hold"):
        advance(draft)


def advance(draft: Draft, by_hand: bool = False) -> None:
    state = draft.state
    if not by_hand and not state.full and _ends_analysis(state) and not _conclude(draft):
        return
    following = _next(state)
    if following < len(state.steps):
        request_step(draft, following)
    else:
        _complete(draft)


def _complete(draft: Draft) -> None:
    goal = draft.state.goal
    watched = watch(draft)
    activate(draft, goal)
    finish(draft, "success", now_on=goal, watch_until=(watched.count_until or watched.until) if watched else None)
    if watched is not None:
        draft.tell(watched)


def _conclude(draft: Draft) -> bool:
    """Whether the analysis speaks for the release."""
    state = draft.state
    missing = unproven(state.plan.analysis.checks, state.tallies)
    draft.tell(e.AnalysisConcluded(outcome="inconclusive" if missing else "passed", detail=missing))
    if missing:
        breach = inconclusive(missing)
        trigger(draft, breach.code, breach.detail)
    return not missing


def _ends_analysis(state: DeploymentState) -> bool:
    """Whether the step that is held is the last one whose time is there for samples."""
    if not state.plan.analysis.checks or state.step < 0 or state.concluded:
        return False
    return _samples_in(state.steps[state.step]) and not any(map(_samples_in, state.steps[state.step + 1 :]))


def _samples_in(step: e.Step) -> bool:
    return step.analyse and step.hold_seconds != 0


def _next(state: DeploymentState) -> int:
    """Promoted all the way: to the step that gives the new release everything, and on from there."""
    following = state.step + 1
    if not state.full:
        return following
    ahead = range(following, len(state.steps))
    return next((each for each in ahead if weight_of(state.steps[each].wish, state.goal.id) == 100), following)
