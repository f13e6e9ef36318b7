"""What a pusher is told about a run, as lines with keys: what was said once (its key is known) is not said again.

Pure: made anew from the run's document each time something happened, so nothing is missed and nothing doubled.
"""

from collections.abc import Iterator
from typing import NamedTuple

from agents.connectors.links import run_url
from projections.queries.run_types import Attempt, Job, RunDetail, Stage, Step

_MARKS = {"success": "✓", "failure": "✗", "error": "✗", "cancelled": "⊘", "skipped": "↷"}
_ENDS = {
    "success": "succeeded",
    "failure": "failed",
    "error": "could not be finished",
    "cancelled": "was cancelled",
    "invalid": "has a broken pipeline file",
}


class Line(NamedTuple):
    key: tuple[str | int, ...]
    text: str


def lines_of(run: RunDetail, public_url: str) -> Iterator[Line]:
    """All that can be told by now, in the order of the pipeline."""
    if run.outcome == "ignored":
        yield Line(("ignored",), f"sealane: no run for {_what(run)}: {run.detail or run.code}")
        return
    yield Line(("run",), f"sealane: run {run.app} #{run.number} of {_what(run)}{_title(run)}")
    yield Line(("link",), f"  {run_url(public_url, run.id)}")
    yield from _before_the_stages(run)
    for stage in run.stages:
        yield from _stage(stage, alone=len(stage.jobs) == 1)
    if run.state == "finished":
        yield from _end(run)


def told_enough(run: RunDetail) -> str | None:
    """Why there is no more to wait for: the last words for the pusher (empty: all is said), or None to go on."""
    if run.state == "finished":
        return ""
    if run.state == "waiting":
        waiting = [stage for stage in run.stages if stage.state == "waiting_approval" or _waits_for_people(stage)]
        commands = "; ".join(_approve(run, stage) for stage in waiting)
        return f"sealane: the run goes on when it is approved: {commands}"
    return None


def _waits_for_people(stage: Stage) -> bool:
    """Its rollout does."""
    return stage.state == "deploying" and stage.rollout is not None and stage.rollout.state == "waiting_approval"


def _approve(run: RunDetail, stage: Stage) -> str:
    if _waits_for_people(stage) and stage.rollout is not None:
        return f"sealane approve '{run.app}@{stage.rollout.number}'"
    return f"sealane approve {run.id} {stage.name}"


def _before_the_stages(run: RunDetail) -> Iterator[Line]:
    for problem in run.problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        hint = f" ({problem.suggestion})" if problem.suggestion and problem.suggestion not in problem.message else ""
        yield Line(("problem", place, problem.code), f"  {place} {problem.code}: {problem.message}{hint}")
    for warning in run.warnings:
        yield Line(("warning", warning), f"  warning: {warning}")
    place_in_group = run.concurrency
    if run.state == "queued" and place_in_group is not None and place_in_group.behind:
        text = f"  ⏸ waits behind run {place_in_group.behind} (concurrency group '{place_in_group.group}')"
        yield Line(("behind", place_in_group.behind), text)


def _stage(stage: Stage, alone: bool) -> Iterator[Line]:
    if stage.state == "skipped":
        yield Line(("skipped", stage.name), f"  ↷ {stage.name}: skipped, {stage.reason or stage.code}")
        return
    if stage.state == "waiting_approval" and stage.approval is not None:
        who = f" by {' or '.join(stage.approval.groups)}" if stage.approval.groups else ""
        key = ("approval", stage.name, stage.approval.given)
        yield Line(key, f"  ⏸ {stage.name}: waits for approval{who} ({stage.approval.given} of {stage.approval.count})")
        return
    if stage.state == "waiting_environment":
        yield Line(("entering", stage.name, stage.reason), f"  ⏸ {stage.name}: {stage.reason}")
    for job in stage.jobs:
        yield from _job(job, stage.name if alone else f"{stage.name} / {job.name}")
    if stage.state == "deploying":
        yield Line(("deploying", stage.name, stage.reason), f"  ▶ {stage.name}: {stage.reason}")
    elif stage.state == "finished" and not stage.jobs and stage.outcome not in (None, "success"):
        yield Line(("ended", stage.name, str(stage.finished_at)), f"  ✗ {stage.name}: {stage.reason or stage.code}")


def _job(job: Job, name: str) -> Iterator[Line]:
    if job.state == "queued" and job.reason:
        yield Line(("blocked", job.id, job.attempt, job.reason), f"  ⏸ {name}: {job.reason}")
    for attempt in job.attempts:
        yield from _attempt(job, attempt, name)


def _attempt(job: Job, attempt: Attempt, name: str) -> Iterator[Line]:
    number = f" (attempt {attempt.attempt})" if attempt.attempt > 1 else ""
    if attempt.started_at is not None:
        agent = f" on {attempt.agent_id}" if attempt.agent_id else ""
        yield Line(("started", attempt.key), f"  ▶ {name}{number}{agent}")
    for step in attempt.steps:
        if step.state in ("finished", "skipped"):
            yield Line(("step", attempt.key, step.index), f"      {_step(step)}")
    if attempt.state == "finished" and attempt.outcome is not None:
        why = f": {attempt.detail or attempt.reason}" if attempt.outcome != "success" and attempt.reason else ""
        again = ", trying again" if attempt.will_retry else ""
        text = f"  {_MARKS.get(attempt.outcome, '·')} {name}{number}{why}{_took(attempt.duration_seconds)}{again}"
        yield Line(("finished", attempt.key), text)


def _step(step: Step) -> str:
    outcome = step.outcome or "skipped"
    why = ""
    if outcome == "failure":
        why = f": exit code {step.exit_code}" if step.exit_code is not None else f": {step.reason}"
    return f"{_MARKS.get(outcome, '·')} {step.name}{why}{_took(step.duration_seconds)}"


def _end(run: RunDetail) -> Iterator[Line]:
    end = _ENDS.get(run.outcome or "", "ended")
    why = f": {run.detail}" if run.detail and run.outcome in ("error", "cancelled") else ""
    yield Line(("end", run.round), f"sealane: run {run.app} #{run.number} {end}{_took(run.duration_seconds)}{why}")


def _what(run: RunDetail) -> str:
    return f"{run.branch or run.tag or run.ref} at {run.commit[:8]}" if run.commit else run.branch or run.ref


def _title(run: RunDetail) -> str:
    return f": {run.title}" if run.title else ""


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"  {seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"  {hours}h {minutes:02d}m {rest:02d}s" if hours else f"  {minutes}m {rest:02d}s"
