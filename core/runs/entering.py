"""A stage whose own steps go to an environment: it asks what it keeps to there, then for one lock after the other.

waiting --(protection requested)--> entering --(noted: an approval)--> approval --(granted)--.
                                        |------(noted: none)----------------------------> entering, lock by lock
                                        `------(noted: not declared)--> running              `--(all granted)--> running

The locks are given back when the stage ends, whatever its outcome (draft.py). What is heard of them, and what follows
when nothing is: environment_notes.py.
"""

from datetime import timedelta
from typing import Final

from core.pipeline.plan import StagePlan
from core.runs import events as e
from core.runs.deploying import release_of
from core.runs.draft import Draft

ANSWER_TIMEOUT: Final = timedelta(minutes=10)
# A freeze or a closed window may hold the lock back for days.
WAIT: Final = timedelta(days=7)
RENEW: Final = timedelta(seconds=100)


def enters(plan: StagePlan) -> bool:
    """Whether its own steps change an environment. A deployment takes the lock itself."""
    return bool(plan.environment) and plan.deploy is None


def request_protection(draft: Draft, name: str) -> None:
    state, plan = draft.state, draft.state.stage_plan(name)
    draft.tell(
        e.StageProtectionRequested(
            app=state.app,
            stage=name,
            round=state.round,
            environment=plan.environment or "",
            regions=plan.regions,
            by=state.asked_by,
            automatic=state.automatic,
            answer_by=draft.now + ANSWER_TIMEOUT,
        )
    )


def request_lock(draft: Draft, name: str) -> bool:
    """Of the next region, if there is one. A stage never waits for a region whose name comes before one it holds."""
    state, stage = draft.state, draft.state.stages[name]
    protection = stage.protection
    region = next((each for each in protection.regions if each not in stage.locks), None) if protection else None
    if protection is None or region is None:
        return False
    draft.tell(
        e.StageLockRequested(
            app=state.app,
            stage=name,
            round=state.round,
            environment=state.stage_plan(name).environment or "",
            region=region,
            release=release_of(state, None),
            by=state.asked_by,
            automatic=state.automatic,
            freezes=protection.freezes,
            windows=protection.windows,
            give_up_at=draft.now + WAIT,
        )
    )
    return True


def renew_locks(draft: Draft, name: str) -> None:
    state = draft.state
    draft.tell(
        e.StageLockRenewalRequested(
            app=state.app,
            stage=name,
            round=state.round,
            environment=state.stage_plan(name).environment or "",
            locks=dict(state.stages[name].locks),
            next_at=draft.now + RENEW,
        )
    )
