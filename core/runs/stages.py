"""How a Run goes forward: a stage begins when all it needs has ended, and the run ends with its last stage.

waiting --(skipped)--> ended        waiting --(approval)--> approval --(granted)--> running --> ended
                                    waiting --(environment: entering.py)--> entering --> running
                                                            running --(deploy: deploying.py)--> deploying --> ended
"""

from core.pipeline.expressions import ExpressionError
from core.runs import events as e
from core.runs.asking import request_approval
from core.runs.conditions import judge, outlives
from core.runs.deploying import request_deploy
from core.runs.draft import Draft
from core.runs.endings import attempt_ending, run_ending, stage_ending
from core.runs.entering import enters, request_protection
from core.runs.expressions_context import resolved_job
from core.runs.queueing import queued
from core.runs.state import BROKEN
from core.runs.stopping import stop_jobs


def settle(draft: Draft) -> None:
    """Draw all conclusions from what was decided: begin what is ready, and end the run after its last stage."""
    while draft.ready:
        name = draft.ready.pop(0)
        if draft.state.status == "running" and draft.state.stages[name].status == "waiting":
            _begin(draft, name)
    if draft.state.open_stages == 0 and draft.state.status in ("queued", "running"):
        draft.tell(run_ending(draft.state))


def start_round(draft: Draft) -> None:
    """The round may run: begin every stage that waits for nothing."""
    state = draft.state
    assert state.plan is not None
    draft.tell(e.RunStarted(round=state.round))
    waiting = (plan.name for plan in state.plan.stages if state.stages[plan.name].status == "waiting")
    draft.ready += [name for name in waiting if state.stages[name].waiting_on == 0]
    settle(draft)


def _begin(draft: Draft, name: str) -> None:
    plan = draft.state.stage_plan(name)
    try:
        skip = judge(draft.state, plan)
    except ExpressionError as error:
        detail = f"the 'if' of stage '{name}' can't be evaluated: {error.message}"
        draft.tell(e.StageFinished(stage=name, outcome="failure", code="expression-error", detail=detail))
        return
    if skip is not None:
        draft.tell(e.StageSkipped(stage=name, code=skip.code, reason=skip.reason))
    elif plan.approval is None:
        launch(draft, name)
    else:
        request_approval(draft, name, plan.approval)


def launch(draft: Draft, name: str) -> None:
    """It goes to work, or first into its environment; without any jobs it deploys, or is done already."""
    if not draft.state.stages[name].pending:
        _end(draft, name)
    elif enters(draft.state.stage_plan(name)):
        request_protection(draft, name)
    else:
        begin_jobs(draft, name)


def begin_jobs(draft: Draft, name: str) -> None:
    """Queue the first jobs of the stage."""
    _fill(draft, name)
    _end_if_done(draft, name)


def after_job(draft: Draft, stage_name: str) -> None:
    """What follows once jobs of the stage ended: siblings stop, or the next are queued, or the stage ends."""
    if draft.state.stages[stage_name].status == "running":
        _fill(draft, stage_name)
        _end_if_done(draft, stage_name)


def queue_attempt(draft: Draft, job_id: str, cause: str = "") -> None:
    """A new attempt of the job; where its expressions have no value, the job fails instead."""
    job = draft.state.jobs[job_id]
    plan = draft.state.job_plan(job)
    try:
        resolved = resolved_job(draft.state, plan)
    except ExpressionError as error:
        detail = f"job '{job_id}': {error.message}"
        draft.tell(attempt_ending(draft.state, job_id, job.attempt + 1, "failure", "expression-error", detail))
        return
    draft.tell(queued(draft, job_id, resolved, cause))


def _fill(draft: Draft, name: str) -> None:
    """Queue pending jobs up to `max_parallel`; with `fail_fast` a failure stops all the others instead."""
    stage = draft.state.stages[name]
    plan = draft.state.stage_plan(name)
    limit = plan.max_parallel or len(stage.pending)
    while True:
        if plan.fail_fast and stage.worst in BROKEN:
            stop_jobs(draft, name, "fail-fast")
            return
        waiting = len(stage.pending) - stage.next
        if waiting == 0 or stage.open_jobs - waiting >= limit:
            return
        queue_attempt(draft, stage.pending[stage.next])


def _end_if_done(draft: Draft, name: str) -> None:
    if draft.state.stages[name].open_jobs == 0:
        _end(draft, name)


def _end(draft: Draft, name: str) -> None:
    """Its jobs are done: now it deploys, if it is to and they succeeded and the run goes on."""
    plan = draft.state.stage_plan(name)
    if plan.deploy is None or draft.state.stages[name].worst != "success":
        draft.tell(stage_ending(draft.state, name))
    elif draft.state.cancel and not outlives(draft.state, plan):
        draft.tell(e.StageFinished(stage=name, outcome="cancelled", code="run-cancelled"))
    else:
        request_deploy(draft, name)
