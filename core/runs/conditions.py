"""Whether a stage runs once all it needs has ended.

| what it needs                                        | success() | failure() |
|------------------------------------------------------|-----------|-----------|
| succeeded, or failed and `allow_failure` says so     | true      | false     |
| failed, or was skipped because of a failure far back | false     | true      |
| was skipped for another reason (its `if` was false)  | false     | false     |
| the run is cancelled (cancelled() is true)           | false     | false     |

`if` without one of success(), failure(), always(), cancelled() also asks for success(), as no `if` does: a
stage that is skipped takes with it all that need it, unless their `if` asks for another state. `allow_failure`
forgives a failure, not a skip. Once the run is cancelled, only `if`s with always() or cancelled() are looked at.
"""

from typing import NamedTuple, cast

from core.pipeline.expressions import ExpressionError, condition, evaluate_condition
from core.pipeline.plan import Need, StagePlan, Status
from core.runs.expressions_context import context
from core.runs.state import BROKEN, RunState


class Skip(NamedTuple):
    code: str
    reason: str


def outlives_cancel(plan: StagePlan) -> bool:
    """Whether the stage asks to run even when the run is cancelled. Raises ExpressionError."""
    return plan.if_ is not None and bool(condition(plan.if_).functions & {"always", "cancelled"})


def outlives(state: RunState, plan: StagePlan) -> bool:
    """Whether the stage goes on although the run is cancelled."""
    try:
        return state.cancel != "forced" and outlives_cancel(plan)
    except ExpressionError:
        return False


def judge(state: RunState, plan: StagePlan) -> Skip | None:
    """Why the stage is skipped, or None when it runs. Raises ExpressionError where its `if` has no answer."""
    if state.cancel and (state.cancel == "forced" or not outlives_cancel(plan)):
        return Skip("run-cancelled", "the run was cancelled")
    obstacle = next(filter(None, (_obstacle(state, need) for need in plan.needs)), None)
    if plan.if_ is None or (obstacle and not condition(plan.if_).asks_status):
        return obstacle
    if evaluate_condition(plan.if_, context(state, _status(state, plan, obstacle))):
        return None
    return Skip("condition-false", f"its condition is false: {plan.if_}")


def _status(state: RunState, plan: StagePlan, obstacle: Skip | None) -> Status:
    if state.cancel:
        return "cancelled"
    if obstacle is None:
        return "success"
    if any(_failed(state, need) for need in plan.needs):
        return "failure"
    # Neither success nor failure nor cancelled: none of the three functions may be true after a mere skip.
    return cast(Status, "skipped")


def _failed(state: RunState, need: Need) -> bool:
    stage = state.stages[need.stage]
    return stage.after_failure or (stage.outcome in BROKEN and not need.allow_failure)


def _obstacle(state: RunState, need: Need) -> Skip | None:
    stage = state.stages[need.stage]
    if stage.outcome in BROKEN and not need.allow_failure:
        return Skip("need-failed", f"it needs '{need.stage}', which failed")
    if stage.outcome == "cancelled":
        return Skip("need-cancelled", f"it needs '{need.stage}', which was cancelled")
    if stage.outcome == "skipped":
        cause = " because of a failure" if stage.after_failure else ""
        return Skip("need-skipped", f"it needs '{need.stage}', which was skipped{cause}")
    return None
