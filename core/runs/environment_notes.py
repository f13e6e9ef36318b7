"""What a Run hears of the environments that its stages enter by their own steps, and what it does without a word.

Every word names the round it was asked for in. A word that comes too late needs no answer: when a stage ended it has
left its environment, and whatever it was given by then is given back.
"""

from typing import Final

from core.runs import commands as c
from core.runs import events as e
from core.runs.asking import request_approval
from core.runs.draft import Draft
from core.runs.entering import ANSWER_TIMEOUT, RENEW, WAIT, renew_locks, request_lock
from core.runs.spec import Outcome
from core.runs.stages import after_job, begin_jobs, settle
from core.runs.state import StageState
from core.runs.stopping import stop_jobs

LOCK_LOST: Final = "lock-lost"
_Word = c.NoteProtection | c.AdmitStage | c.DenyStage


def note_protection(draft: Draft, command: c.NoteProtection) -> None:
    """The app says what the stage keeps to. People are asked before the lock, which holds up others."""
    stage = _heard(draft, command)
    if stage is None or stage.status != "entering" or stage.protection is not None:
        return
    if command.code:
        _end(draft, command.stage, "failure", command.code, command.detail)
        return
    draft.tell(e.StageProtectionNoted(stage=command.stage, protection=command.protection))
    if command.protection is not None and command.protection.approval is not None:
        request_approval(draft, command.stage, command.protection.approval)
    else:
        go_in(draft, command.stage)
    settle(draft)


def admit_stage(draft: Draft, command: c.AdmitStage) -> None:
    stage = _heard(draft, command)
    if stage is None or stage.status != "entering" or stage.wanted != command.region:
        return
    draft.tell(
        e.StageLockGranted(stage=command.stage, region=command.region, epoch=command.epoch, renew_at=draft.now + RENEW)
    )
    go_in(draft, command.stage)
    settle(draft)


def go_in(draft: Draft, name: str) -> None:
    """To the next lock, or with all of them to work."""
    if not request_lock(draft, name):
        begin_jobs(draft, name)


def deny_stage(draft: Draft, command: c.DenyStage) -> None:
    """It is not let in; or somebody else may be in there now, so that its jobs must stop."""
    stage = _heard(draft, command)
    if stage is None:
        return
    if not command.epoch:
        if stage.status == "entering" and stage.wanted == command.region:
            _end(draft, command.stage, "failure", command.code, command.detail)
    elif stage.locks.get(command.region) == command.epoch:
        _lose(draft, command)


def _lose(draft: Draft, command: c.DenyStage) -> None:
    name, state = command.stage, draft.state
    if state.stages[name].status == "entering":
        _end(draft, name, "error", command.code, command.detail)
        return
    draft.leave(name, (command.region,), command.code, command.detail)
    stop_jobs(draft, name, command.code)
    after_job(draft, name)
    settle(draft)


def _heard(draft: Draft, command: _Word) -> StageState | None:
    """The stage that the word is for; None where it is too late for it."""
    stage = draft.state.stages.get(command.stage)
    late = stage is None or stage.status == "ended" or draft.state.round != command.round
    return None if late else stage


def expire_entering(draft: Draft, name: str) -> None:
    """Nobody answered, or the environment was not free for too long."""
    environment = draft.state.stage_plan(name).environment
    if draft.state.stages[name].wanted:
        detail = f"environment '{environment}' was not free for {WAIT.days} days"
        _end(draft, name, "error", "lock-timeout", detail)
        return
    minutes = int(ANSWER_TIMEOUT.total_seconds() // 60)
    detail = f"nobody said within {minutes} minutes what protects environment '{environment}'"
    _end(draft, name, "error", "environment-unanswered", f"{detail}; do the processors of the first region run?")


def renewal_due(draft: Draft, name: str) -> None:
    if draft.state.stages[name].locks:
        renew_locks(draft, name)


def _end(draft: Draft, name: str, outcome: Outcome, code: str, detail: str) -> None:
    draft.tell(e.StageFinished(stage=name, outcome=outcome, code=code, detail=detail))
    settle(draft)
