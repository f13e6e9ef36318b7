"""Approvals: who may give them, and what becomes of the stage."""

from datetime import timedelta
from typing import Any

import pytest

from core.pipeline.plan import Approval
from core.runs import events as e
from tests.support.given import START, Scene
from tests.unit.runs.scenes import approve, cancel, queued, running, skipped, stage, work


def waiting(*more: Any, **rule: Any) -> Scene:
    return running(stage("go", approval=Approval(**rule)), *more)


def test_stage_waits_for_people_and_holds_no_agent() -> None:
    scene = waiting(count=2, groups=("ops",), timeout_seconds=60)
    asked = scene.one(e.ApprovalRequested)
    assert (asked.count, asked.groups, asked.expires_at) == (2, ("ops",), START + timedelta(seconds=60))
    assert queued(scene) == []


def test_enough_different_people_let_the_stage_run() -> None:
    scene = waiting(count=2)
    scene.when(approve("go", "bob")).then(e.ApprovalGiven(stage="go", by="bob"))
    scene.rejects(approve("go", "bob"), "already-approved")
    scene.when(approve("go", "eve")).then_types(e.ApprovalGiven, e.ApprovalDecided, e.JobQueued)
    scene.rejects(approve("go", "joe"), "approval-not-pending")


def test_only_members_of_the_groups_decide() -> None:
    scene = waiting(groups=("ops", "leads"))
    assert "ops, leads" in scene.rejects(approve("go", "bob", "web"), "not-in-group")
    scene.rejects(approve("go", "bob", approve=False), "not-in-group")
    assert queued(scene.when(approve("go", "bob", "web", "leads"))) == [("go", 1)]


def test_author_may_not_approve_where_the_stage_says_so() -> None:
    assert queued(waiting().when(approve("go", "ann"))) == [("go", 1)]
    scene = waiting(prevent_self_approval=True)
    scene.rejects(approve("go", "ann"), "self-approval")
    assert queued(scene.when(approve("go", "bob"))) == [("go", 1)]


def test_rejection_fails_the_stage_and_names_who() -> None:
    scene = waiting(stage("next", "go")).when(approve("go", "bob", approve=False, comment="not on a friday"))
    scene.then_types(e.ApprovalDecided, e.StageFinished, e.StageSkipped, e.RunFinished)
    ended = scene.one(e.StageFinished)
    assert (ended.code, ended.detail) == ("approval-rejected", "rejected by bob: not on a friday")
    assert scene.one(e.RunFinished).outcome == "failure"


def test_approval_that_nobody_gives_expires() -> None:
    scene = waiting(timeout_seconds=60).later(seconds=59).then()
    scene.later(seconds=1)
    assert scene.one(e.ApprovalDecided).decision == "expired"
    assert scene.one(e.StageFinished).code == "approval-expired"


def test_stage_may_be_an_approval_alone() -> None:
    scene = running(stage("go", jobs=(), approval=Approval()), stage("b", "go"))
    scene.when(approve("go", "bob"))
    assert scene.one(e.StageFinished).outcome == "success"
    assert queued(scene) == [("b", 1)]


def test_cancel_withdraws_the_question() -> None:
    scene = waiting().when(cancel())
    assert scene.one(e.ApprovalDecided).decision == "withdrawn"
    assert skipped(scene) == {"go": "run-cancelled"}
    assert scene.one(e.RunFinished).outcome == "cancelled"
    scene.rejects(approve("go", "bob"), "run-finished")


def test_unknown_stage_is_refused_with_a_hint() -> None:
    scene = running(stage("deploy", approval=Approval()))
    assert "did you mean 'deploy'" in scene.rejects(approve("depoly", "bob"), "stage-unknown")


@pytest.mark.parametrize("by", ["", "bob"])
def test_approval_needs_a_person_and_a_question(by: str) -> None:
    scene = running(stage("a"), stage("go", "a", approval=Approval()))
    scene.rejects(approve("go", by), "approval-not-pending")
    work(scene, "a").rejects(approve("go", ""), "approver-unknown")


def test_three_approvals_in_a_row() -> None:
    gates = [stage("a"), *(stage(f"g{n}", "a" if n == 1 else f"g{n - 1}", approval=Approval()) for n in (1, 2, 3))]
    scene = work(running(*gates), "a")
    for number in (1, 2, 3):
        assert scene.one(e.ApprovalRequested).stage == f"g{number}"
        scene.when(approve(f"g{number}", "bob"))
        work(scene, f"g{number}")
    assert scene.one(e.RunFinished).outcome == "success"
    scene.check_restored()
