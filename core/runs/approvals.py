"""Approvals: a stage waits for people, holding no agent."""

from core.aggregate import Rejected
from core.pipeline.plan import Approval
from core.runs import events as e
from core.runs.commands import ApproveStage
from core.runs.draft import Draft
from core.runs.environment_notes import go_in
from core.runs.names import stage_unknown
from core.runs.stages import launch, settle
from core.runs.state import RunState, StageState


def approve_stage(draft: Draft, command: ApproveStage) -> None:
    state = draft.state
    if command.stage not in state.stages:
        raise stage_unknown(state, command.stage)
    stage, rule = state.stages[command.stage], _rule(state, command.stage)
    if stage.status != "approval" or rule is None:
        raise Rejected("approval-not-pending", f"stage '{command.stage}' does not wait for an approval")
    _check(state, stage, rule, command)
    if not command.approve:
        _decide(draft, command, "rejected")
        said = f": {command.comment}" if command.comment else ""
        end_stage(draft, command.stage, "approval-rejected", f"rejected by {command.by}{said}")
        return
    draft.tell(e.ApprovalGiven(stage=command.stage, by=command.by, comment=command.comment))
    if len(draft.state.stages[command.stage].approvals) >= rule.count:
        _decide(draft, command, "granted")
        # The environment's own approval comes second, where there are two.
        go_on = launch if stage.protection is None else go_in
        go_on(draft, command.stage)
        settle(draft)


def _rule(state: RunState, name: str) -> Approval | None:
    """The environment's, once the stage knows what it keeps to there; its own before."""
    protection = state.stages[name].protection
    return state.stage_plan(name).approval if protection is None else protection.approval


def expire_approval(draft: Draft, stage: str) -> None:
    draft.tell(e.ApprovalDecided(stage=stage, decision="expired"))
    end_stage(draft, stage, "approval-expired", "nobody decided in time")


def end_stage(draft: Draft, stage: str, code: str, detail: str) -> None:
    draft.tell(e.StageFinished(stage=stage, outcome="failure", code=code, detail=detail))
    settle(draft)


def _decide(draft: Draft, command: ApproveStage, decision: str) -> None:
    draft.tell(
        e.ApprovalDecided(
            stage=command.stage,
            decision="granted" if decision == "granted" else "rejected",
            by=command.by,
            comment=command.comment,
        )
    )


def _check(state: RunState, stage: StageState, rule: Approval, command: ApproveStage) -> None:
    if not command.by:
        raise Rejected("approver-unknown", "an approval names the person who gives it")
    if rule.groups and not set(rule.groups) & set(command.groups):
        wanted = ", ".join(rule.groups)
        raise Rejected("not-in-group", f"{command.by} is in none of the groups that decide here: {wanted}")
    if not command.approve:
        return
    authors = {state.trigger.author if state.trigger else "", state.author}
    if stage.protection is not None:
        authors.add(state.asked_by)
    if rule.prevent_self_approval and command.by in authors:
        raise Rejected("self-approval", f"{command.by} is the author, and this stage wants somebody else")
    if command.by in stage.approvals:
        raise Rejected("already-approved", f"{command.by} has already approved stage '{command.stage}'")
