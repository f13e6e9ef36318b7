"""What a Run hears of the rollouts of its stages, and what follows when it hears nothing.

Every word names the round it was asked for in. A rollout that is accepted too late (the run was cancelled, or gave up
waiting) is told to stop, so that nothing goes out that nobody watches.
"""

from datetime import timedelta
from typing import Final

from core.runs import commands as c
from core.runs import events as e
from core.runs.deploying import ANSWER_TIMEOUT, UNDONE_AFTER, cancel_request
from core.runs.draft import Draft
from core.runs.spec import Outcome
from core.runs.stages import settle
from core.runs.state import RunState

TIMEOUT: Final = "timeout"


def note_rollout(draft: Draft, command: c.NoteRollout) -> None:
    """The app accepted the rollout."""
    stage = draft.state.stages.get(command.stage)
    if stage is None or stage.rollout == command.rollout_id:
        return
    if stage.status != "deploying" or stage.rollout or draft.state.round != command.round:
        draft.tell(cancel_request(draft, command.stage, command.rollout_id, "stage-over"))
        return
    plan = draft.state.stage_plan(command.stage).deploy
    assert plan is not None
    ends_by = draft.now + timedelta(seconds=plan.timeout_seconds) if plan.wait else None
    draft.tell(e.StageDeployAccepted(stage=command.stage, rollout_id=command.rollout_id, ends_by=ends_by))
    if not plan.wait:
        draft.tell(e.StageFinished(stage=command.stage, outcome="success"))
        settle(draft)


def finish_deploy(draft: Draft, command: c.FinishDeploy) -> None:
    """The rollout is over, or there was none."""
    stage = draft.state.stages.get(command.stage)
    if stage is None or stage.status != "deploying" or draft.state.round != command.round:
        return
    if stage.rollout and command.rollout_id not in ("", stage.rollout):
        return
    if command.rollout_id and not stage.rollout:
        draft.tell(e.StageDeployAccepted(stage=command.stage, rollout_id=command.rollout_id))
    outcome, code, detail = _verdict(draft.state, command)
    draft.tell(e.StageFinished(stage=command.stage, outcome=outcome, code=code, detail=detail))
    settle(draft)


def _verdict(state: RunState, command: c.FinishDeploy) -> tuple[Outcome, str, str]:
    stopped = state.stages[command.stage].stopping
    why = f"{command.code}: {command.detail}" if command.code and command.detail else command.detail or command.code
    match command.outcome:
        case "success":
            return "success", "", ""
        case "refused":
            return "failure", command.code, command.detail
        case "error":
            return "error", "deploy-error", why
        case "aborted" | "rolled_back" | "rejected" if stopped == TIMEOUT:
            return _timed_out(state, command.stage)
        case "aborted" | "rolled_back" | "rejected" if stopped:
            return "cancelled", "run-cancelled", ""
    return "failure", f"deploy-{command.outcome.replace('_', '-')}", why


def _timed_out(state: RunState, name: str) -> tuple[Outcome, str, str]:
    plan = state.stage_plan(name).deploy
    seconds = plan.timeout_seconds if plan is not None else 0
    return "failure", "deploy-timeout", f"rollout {state.stages[name].rollout} was aborted after {seconds} s"


def expire_deploy(draft: Draft, name: str) -> None:
    """Nobody answered; or the rollout takes too long; or it does not stop."""
    stage = draft.state.stages[name]
    if not stage.rollout:
        minutes = int(ANSWER_TIMEOUT.total_seconds() // 60)
        detail = f"nobody accepted the rollout within {minutes} minutes; do the processors of the first region run?"
        draft.tell(e.StageFinished(stage=name, outcome="error", code="deploy-unanswered", detail=detail))
    elif not stage.stopping:
        draft.tell(cancel_request(draft, name, stage.rollout, TIMEOUT, waits=True))
    else:
        minutes = int(UNDONE_AFTER.total_seconds() // 60)
        detail = f"rollout {stage.rollout} was aborted, and had not ended {minutes} minutes later; look after it"
        outcome: Outcome = "failure" if stage.stopping == TIMEOUT else "cancelled"
        draft.tell(e.StageFinished(stage=name, outcome=outcome, code="unconfirmed", detail=detail))
    settle(draft)
