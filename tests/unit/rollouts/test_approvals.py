"""Approvals: who may give them, and what becomes of the rollout."""

from datetime import timedelta

import pytest

from core.rollouts import commands as c
from core.rollouts import events as e
from tests.support.given import START
from tests.unit.rollouts.scenes import NEW, OLD, approve, asked, begun, outcome, placed, settings


def test_rollout_waits_for_people_and_starts_nothing() -> None:
    scene = asked(count=2, groups=("ops",), timeout_seconds=60, prevent_self_approval=True)
    scene.then_types(e.RolloutRequested, e.RolloutApprovalRequested)
    question = scene.one(e.RolloutApprovalRequested)
    assert (question.count, question.groups, question.prevent_self_approval) == (2, ("ops",), True)
    assert question.expires_at == START + timedelta(seconds=60)


def test_enough_different_people_let_it_go() -> None:
    scene = asked(count=2).when(approve("bob", comment="fine")).then(e.RolloutApprovalGiven(by="bob", comment="fine"))
    assert "already approved" in scene.rejects(approve("bob"), "already-approved")
    scene.when(approve("eve")).then_types(e.RolloutApprovalGiven, e.RolloutApprovalDecided, e.WaveStarted)
    scene.rejects(approve("joe"), "approval-not-pending")


def test_only_members_of_the_groups_decide() -> None:
    scene = asked(groups=("ops", "leads"))
    assert "ops, leads" in scene.rejects(approve("bob", "web"), "not-in-group")
    scene.rejects(approve("bob", approve=False), "not-in-group")
    assert placed(scene.when(approve("bob", "web", "leads")))


@pytest.mark.parametrize("who", ["ann", "zoe"])
def test_neither_author_nor_who_asked_approves_where_that_is_wanted(who: str) -> None:
    origin, rule = c.Origin(by="zoe"), settings(approval=asked(prevent_self_approval=True).state.plan.approval)
    scene = begun(rule, origin=origin)
    scene.rejects(approve(who), "self-approval")
    assert outcome(scene.when(approve(who, approve=False))) == ("rejected", "approval-rejected")
    assert placed(begun(rule, origin=origin).when(approve("bob")))
    assert placed(asked().when(approve("ann")))


def test_approval_names_a_person() -> None:
    asked().rejects(approve(""), "approver-unknown")


def test_rejection_ends_it_and_says_who() -> None:
    scene = asked().when(approve("bob", approve=False, comment="not on a friday"))
    scene.then_types(e.RolloutApprovalDecided, e.RolloutFinished)
    assert scene.one(e.RolloutFinished).detail == "rejected by bob: not on a friday"
    scene.rejects(approve("eve"), "rollout-finished")


def test_approval_that_nobody_gives_expires() -> None:
    scene = asked(timeout_seconds=60).later(seconds=59).then()
    scene.later(seconds=1).then_types(e.RolloutApprovalDecided, e.RolloutFinished)
    assert outcome(scene) == ("rejected", "approval-expired")
    assert "ask for a new rollout" in scene.rejects(approve("bob"), "approval-expired")


def test_approval_after_its_time_is_refused_even_if_nobody_noticed_yet() -> None:
    scene = asked(timeout_seconds=60)
    scene.now = START + timedelta(seconds=60)
    scene.rejects(approve("bob"), "approval-expired")


def test_abort_withdraws_the_question() -> None:
    scene = asked().when(c.AbortRollout(by="ann", reason="wrong release"))
    scene.then_types(e.RolloutApprovalDecided, e.RolloutAborted, e.RolloutFinished)
    assert scene.one(e.RolloutApprovalDecided).decision == "withdrawn"
    assert outcome(scene) == ("aborted", "aborted")
    scene.check_restored()


@pytest.mark.parametrize("command", [c.PauseRollout(by="b"), c.ResumeRollout(by="b"), c.PromoteRollout(by="b")])
def test_nothing_else_goes_round_an_approval(command: c.PauseRollout) -> None:
    asked().rejects(command, "approval-pending")


def test_rollback_asks_nobody() -> None:
    assert placed(begun(settings(approval=asked().state.plan.approval), kind="rollback", release=OLD))
    assert NEW.author == "ann"
