"""Going back: straight to the last healthy release, with no build and no waiting.

Triggered once. The target is then asked for the old release until it says that it is so: a refusal is repeated after
a pause, silence at once, each under a new number. At `give_up_at` the deployment ends as an error; the deployer still
has the wish and goes on with it when it can.
"""

from typing import Final

from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.asking import BACK, request_back
from core.deployments.draft import Draft
from core.deployments.endings import activate, end_watch, finish, lose_lock
from core.deployments.traffic import tell_shift

ABORTED: Final = "aborted"
TARGET_LOST: Final = "target-lost"
DEADLINE: Final = "deadline"
STALE_EPOCH: Final = "stale-epoch"
RETRY_SECONDS: Final = 5
# A rollback has at least this long, also one that begins at the deployment's deadline.
PATIENCE_SECONDS: Final = 600
# These say nothing about the release.
BLAMELESS: Final = frozenset(
    (
        TARGET_LOST,
        DEADLINE,
        "target-unavailable",
        "artifact-unavailable",
        "bad-target",
        "analysis-errors",
        "analysis-inconclusive",
    )
)


def trigger(
    draft: Draft,
    code: str,
    detail: str,
    *,
    check: str = "",
    value: float | None = None,
    sample: int | None = None,
    by: str = "",
) -> None:
    """From here all goes back; in the watch the rollout sees to that. Where nothing was touched yet this is the end."""
    state = draft.state
    if state.action == 0:
        finish(draft, "aborted" if code == ABORTED else "error", code, detail, now_on=state.current)
        return
    patience = draft.after(PATIENCE_SECONDS)
    draft.tell(
        e.RollbackTriggered(
            **state.place,
            rollout_id=state.rollout_id,
            release_id=state.goal.id,
            code=code,
            detail=detail,
            check=check,
            value=value,
            sample=sample,
            by=by,
            quarantine=state.kind == "deploy" and code not in BLAMELESS,
            give_up_at=max(patience, state.deadline_at or patience),
        )
    )
    if state.status == "watching":
        end_watch(draft, "breach")
    else:
        request_back(draft)


def report_back(draft: Draft, command: c.ReportTarget) -> None:
    """The deployer's answer to the way back."""
    if command.ok:
        tell_shift(draft, command.status)
        _end(draft)
    elif command.code == STALE_EPOCH:
        lose_lock(draft, f"the target obeys a newer deployment: {command.detail}")
    else:
        fail_back(draft, command)


def fail_back(draft: Draft, command: c.ReportTarget) -> None:
    draft.tell(
        e.ActionFailed(
            action=command.action,
            step=BACK,
            code=command.code or "target-unavailable",
            detail=command.detail,
            status=command.status,
            retry_at=draft.after(RETRY_SECONDS),
        )
    )


def unanswered_back(draft: Draft) -> None:
    draft.tell(e.ActionFailed(action=draft.state.action, step=BACK, code=TARGET_LOST, detail=silence(draft)))
    request_back(draft)


def silence(draft: Draft) -> str:
    return f"the deployer of {draft.state.region} has not answered action {draft.state.action}; is it running?"


def give_up(draft: Draft) -> None:
    state = draft.state
    code, detail = TARGET_LOST, silence(draft)
    if state.failure is not None:
        code, detail = state.failure.code, state.failure.detail
    why = f"{state.cause.code}: {state.cause.detail}" if state.cause else ""
    finish(draft, "error", code, f"the way back was not completed ({detail}); it went back for {why}")


def _end(draft: Draft) -> None:
    state = draft.state
    cause, back_on = state.cause, state.rollback_to
    assert cause is not None
    if back_on is not None and (state.current is None or state.current.id != back_on.id):
        activate(draft, back_on)
    finish(draft, "aborted" if cause.code == ABORTED else "rolled_back", cause.code, cause.detail, back_on)
