"""Approvals: a rollout waits for people, holding no lock."""

from core.aggregate import Rejected
from core.pipeline.plan import Approval
from core.rollouts import events as e
from core.rollouts.commands import ApproveRollout
from core.rollouts.draft import Draft
from core.rollouts.endings import finish
from core.rollouts.starting import begin
from core.rollouts.state import RolloutState


def approve_rollout(draft: Draft, command: ApproveRollout) -> None:
    state = draft.state
    rule = state.plan.approval or Approval()
    if state.approve_by is not None and state.approve_by <= draft.now:
        raise expired(state)
    _check(state, rule, command)
    if not command.approve:
        _decide(draft, command, "rejected")
        said = f": {command.comment}" if command.comment else ""
        finish(draft, "rejected", "approval-rejected", f"rejected by {command.by}{said}")
        return
    draft.tell(e.RolloutApprovalGiven(by=command.by, comment=command.comment))
    if len(draft.state.approvals) >= rule.count:
        _decide(draft, command, "granted")
        begin(draft)


def _decide(draft: Draft, command: ApproveRollout, decision: str) -> None:
    told = e.RolloutApprovalDecided(
        decision="granted" if decision == "granted" else "rejected", by=command.by, comment=command.comment
    )
    draft.tell(told)


def _check(state: RolloutState, rule: Approval, command: ApproveRollout) -> None:
    if not command.by:
        raise Rejected("approver-unknown", "an approval names the person who gives it")
    if rule.groups and not set(rule.groups) & set(command.groups):
        wanted = ", ".join(rule.groups)
        raise Rejected("not-in-group", f"{command.by} is in none of the groups that decide here: {wanted}")
    if not command.approve:
        return
    if rule.prevent_self_approval and command.by in (state.origin.by, state.goal.author):
        raise Rejected("self-approval", f"{command.by} asked for this or wrote it, and somebody else is wanted")
    if command.by in state.approvals:
        raise Rejected("already-approved", f"{command.by} has already approved rollout {state.id}")


def expired(state: RolloutState) -> Rejected:
    when = f" at {state.approve_by.isoformat()}" if state.approve_by else ""
    return Rejected("approval-expired", f"the approval of rollout {state.id} has expired{when}; ask for a new rollout")


def expire_approval(draft: Draft) -> None:
    draft.tell(e.RolloutApprovalDecided(decision="expired"))
    finish(draft, "rejected", "approval-expired", "nobody decided in time")
