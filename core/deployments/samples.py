"""Samples: asked for at every interval from the first step that analyses, judged in the decision that records them.

One is outstanding at a time, and one that isn't answered in time is an error of every check it asked. The pause of a
deployment does not stop them, nor does its end while it is watched. Checks that compare are left out where there is
no baseline, and all checks for their initial delay.
"""

from datetime import timedelta
from typing import Final

from core.aggregate import Rejected
from core.analysis import judge
from core.analysis.tally import probe_key
from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.draft import Draft
from core.deployments.endings import end_watch
from core.deployments.rollback import trigger
from core.deployments.state import DeploymentState
from core.environments.settings import Check, EnvironmentSettings, Probe

ANSWER_GRACE_SECONDS: Final = 5


def begin_with(state: DeploymentState, step: e.Step) -> bool:
    """With the first step that analyses, if anybody looks at them: a check, a probe, or a bake that counts requests."""
    settings = state.plan
    wanted = settings.analysis.checks or _during(settings) or settings.bake.min_requests
    return bool(wanted) and step.analyse and state.analysis_from is None


def sample_due(draft: Draft) -> None:
    """Time for the next one, or up for the last one."""
    if draft.state.asked is None:
        _request(draft)
    else:
        missing = f"the sampler of {draft.state.region} has not answered in time; is it running?"
        _record(draft, c.RecordSample(epoch=draft.state.epoch, number=draft.state.sample, at=draft.now), missing)


def record_sample(draft: Draft, command: c.RecordSample) -> None:
    draft.check_epoch(command.epoch)
    state = draft.state
    if command.number > state.sample:
        raise Rejected("sample-unknown", f"sample {command.number} was not asked for; the last one is {state.sample}")
    if command.number == state.sample and state.asked is not None:
        _record(draft, command, "the sampler gave no answer for it")


def _request(draft: Draft) -> None:
    state, settings = draft.state, draft.state.plan
    analysis = settings.analysis
    baseline = _baseline(state)
    counting = state.watch_until is not None and draft.now > state.watch_until
    checks = () if counting else tuple(each for each in analysis.checks if _due(draft, each, bool(baseline)))
    probes = () if counting else _during(settings)
    patience = analysis.timeout_seconds + sum(each.attempts * each.timeout_seconds for each in probes)
    draft.tell(
        e.SampleRequested(
            **state.place,
            epoch=state.epoch,
            number=state.sample + 1,
            canary=state.goal.id,
            baseline=baseline,
            checks=checks,
            probes=probes,
            source=analysis.source,
            window_seconds=analysis.window_seconds,
            timeout_seconds=analysis.timeout_seconds,
            target=settings.target_in(state.region),
            answer_by=draft.after(patience + ANSWER_GRACE_SECONDS),
            next_at=draft.after(analysis.interval_seconds),
        )
    )


def _record(draft: Draft, command: c.RecordSample, missing: str) -> None:
    state, settings = draft.state, draft.state.plan
    asked = state.asked or ()
    checks = tuple(check for check in settings.analysis.checks if check.name in asked)
    probes = tuple(probe for probe in _during(settings) if probe_key(probe.name) in asked)
    measurements = judge.completed((check.name for check in checks), command.measurements, missing)
    judged = judge.judge(checks, probes, state.tallies, measurements, command.probes)
    draft.tell(
        e.SampleRecorded(
            rollout_id=state.rollout_id,
            region=state.region,
            number=command.number,
            measurements=measurements,
            probes=command.probes,
            total_requests=command.total_requests,
            judged=judged,
            requests_since_complete=_since_complete(state, command.total_requests),
        )
    )
    breach = judge.first_breach(checks, state.tallies, judged, measurements, watching=state.watch_until is not None)
    if breach is not None:
        trigger(draft, breach.code, breach.detail, check=breach.check, value=breach.value, sample=command.number)
    elif counted(draft):
        end_watch(draft, "quiet")


def counted(draft: Draft) -> bool:
    """The watch went on for the sake of the rollout's count of requests, and that is reached."""
    state = draft.state
    if state.status != "watching" or state.watch_until is None or draft.now < state.watch_until:
        return False
    last = draft.events[-1]
    since = last.requests_since_complete if isinstance(last, e.SampleRecorded) else None
    return (since or 0) >= state.plan.bake.min_requests


def _since_complete(state: DeploymentState, total: int | None) -> int | None:
    """A count that fell began anew (a proxy was restarted)."""
    if state.status != "watching" or total is None:
        return None
    before = total if state.requests is None else state.requests
    return total - before if total >= before else total


def _due(draft: Draft, check: Check, baseline: bool) -> bool:
    begun = draft.state.analysis_from
    if check.compare is not None and not baseline:
        return False
    return begun is None or draft.now >= begun + timedelta(seconds=check.initial_delay_seconds)


def _during(settings: EnvironmentSettings) -> tuple[Probe, ...]:
    return tuple(probe for probe in settings.probes if "during" in probe.when)


def _baseline(state: DeploymentState) -> str:
    """The name of the baseline's set in the step that is reached."""
    sets = state.steps[state.reached].wish.sets if state.reached >= 0 else ()
    return next((each.name for each in sets if each.role == "baseline"), "")
