"""Running again: a new round of some stages, while the others keep outcome and outputs.

all: every stage. from_stage: that stage and all that depends on it. failed: stages that failed, broke off, were
cancelled or were skipped for one of these reasons, and all that depends on them; of a stage that failed itself
only the jobs that did not succeed.
"""

from core.aggregate import Rejected
from core.runs import events as e
from core.runs.commands import RerunRun
from core.runs.draft import Draft
from core.runs.names import stage_unknown
from core.runs.stages import start_round
from core.runs.state import RunState


def rerun_run(draft: Draft, command: RerunRun) -> None:
    state = draft.state
    if state.plan is None:
        raise Rejected("nothing-to-rerun", "the run never got a plan; trigger a new run instead")
    stages, jobs = _chosen(state, command)
    draft.tell(
        e.RunRerunRequested(
            app=state.app,
            mode=command.mode,
            by=command.by,
            stages=stages,
            jobs=jobs,
            round=state.round + 1,
            concurrency=state.plan.concurrency,
        )
    )
    if state.plan.concurrency is None:
        start_round(draft)


def _chosen(state: RunState, command: RerunRun) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assert state.plan is not None
    if command.mode == "from_stage" and command.stage not in state.stages:
        raise stage_unknown(state, command.stage)
    roots = {
        "all": set(state.stages),
        "from_stage": {command.stage},
        "failed": {name for name in state.stages if _went_wrong(state, name)},
    }[command.mode]
    if not roots:
        raise Rejected("nothing-to-rerun", "no stage failed, was cancelled, or was skipped because of that")
    stages = _with_dependents(state, roots)
    partly = roots - _with_dependents(state, roots, without_roots=True) if command.mode == "failed" else set()
    jobs = tuple(
        job.id
        for plan in state.plan.stages
        if plan.name in stages
        for job in plan.jobs
        if job.steps and (plan.name not in partly or state.jobs[job.id].outcome != "success")
    )
    return tuple(plan.name for plan in state.plan.stages if plan.name in stages), jobs


def _went_wrong(state: RunState, name: str) -> bool:
    stage = state.stages[name]
    return stage.outcome != "success" and stage.code != "condition-false"


def _with_dependents(state: RunState, roots: set[str], without_roots: bool = False) -> set[str]:
    """All stages that depend on one of the roots, and the roots themselves."""
    found: set[str] = set() if without_roots else set(roots)
    todo = [name for root in roots for name in state.stages[root].dependents]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += state.stages[name].dependents
    return found
