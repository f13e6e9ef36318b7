"""How a rollout ends."""

from core.rollouts import events as e
from core.rollouts.draft import Draft


def finish(draft: Draft, outcome: e.RolloutOutcome, code: str = "", detail: str = "") -> None:
    state = draft.state
    told = e.RolloutFinished(
        app=state.app,
        environment=state.plan.name,
        release_id=state.goal.id,
        kind=state.kind,
        outcome=outcome,
        code=code,
        detail=detail,
        origin=state.origin,
    )
    draft.tell(told)
