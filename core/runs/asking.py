"""A stage asks people, for itself or for its environment."""

from datetime import timedelta

from core.pipeline.plan import Approval
from core.runs import events as e
from core.runs.draft import Draft


def request_approval(draft: Draft, name: str, rule: Approval) -> None:
    if draft.state.cancel:
        reason = "it needs an approval, and the run was cancelled"
        draft.tell(e.StageSkipped(stage=name, code="run-cancelled", reason=reason))
        return
    draft.tell(
        e.ApprovalRequested(
            stage=name,
            count=rule.count,
            groups=rule.groups,
            prevent_self_approval=rule.prevent_self_approval,
            expires_at=draft.now + timedelta(seconds=rule.timeout_seconds),
        )
    )
