"""Which stages run, and what is said about those that don't."""

import pytest

from core.pipeline.plan import Need, Step
from core.runs import events as e
from tests.unit.runs.scenes import cancel, job, queued, running, skipped, stage, work


def test_stage_is_skipped_when_what_it_needs_failed() -> None:
    scene = work(running(stage("a"), stage("b", "a"), stage("c", "b")), "a", "failure", reason="exit-code")
    assert skipped(scene) == {"b": "need-failed", "c": "need-skipped"}
    reasons = [event.reason for event in scene.all_told(e.StageSkipped)]
    assert reasons == ["it needs 'a', which failed", "it needs 'b', which was skipped because of a failure"]
    ended = scene.one(e.RunFinished)
    assert (ended.outcome, ended.code, ended.detail) == ("failure", "stage-failed", "failed: a")


def test_allowed_failure_lets_the_dependent_run_and_the_run_succeed() -> None:
    scene = running(stage("a"), stage("b", Need("a", allow_failure=True)))
    assert queued(work(scene, "a", "failure")) == [("b", 1)]
    assert work(scene, "b").one(e.RunFinished).outcome == "success"


def test_failure_that_not_everybody_allows_counts() -> None:
    scene = work(running(stage("a"), stage("b", Need("a", allow_failure=True)), stage("c", "a")), "a", "failure")
    assert (queued(scene), skipped(scene)) == ([("b", 1)], {"c": "need-failed"})
    assert work(scene, "b").one(e.RunFinished).outcome == "failure"


@pytest.mark.parametrize(
    ("condition", "after_success", "after_failure", "after_skip"),
    [
        (None, True, False, False),
        ("success()", True, False, False),
        ("failure()", False, True, False),
        ("always()", True, True, True),
        ("cancelled()", False, False, False),
        ("true", True, False, False),
        ("stages.a.outcome == 'success'", True, False, False),
        ("always() && stages.a.outcome != 'success'", False, True, True),
    ],
)
def test_condition_sees_how_its_needs_ended(
    condition: str | None, after_success: bool, after_failure: bool, after_skip: bool
) -> None:
    for outcome, expected in (("success", after_success), ("failure", after_failure)):
        scene = work(running(stage("a"), stage("b", "a", if_=condition)), "a", outcome)
        assert bool(queued(scene)) == expected
    assert bool(queued(running(stage("a", if_="false"), stage("b", "a", if_=condition)))) == after_skip


def test_failure_far_back_is_seen_through_skipped_stages() -> None:
    scene = running(stage("a"), stage("b", "a"), stage("alarm", "b", if_="failure()"))
    assert queued(work(scene, "a", "failure")) == [("alarm", 1)]


def test_false_condition_says_so() -> None:
    scene = running(stage("a", if_="1 == 2"))
    event = scene.one(e.StageSkipped)
    assert (event.code, event.reason) == ("condition-false", "its condition is false: 1 == 2")
    assert scene.one(e.RunFinished).outcome == "success"


def test_condition_may_name_the_runs_values() -> None:
    scene = running(stage("a", if_="branch == 'main'"), stage("b", if_="branch == 'dev'"), values={"branch": "main"})
    assert (queued(scene), skipped(scene)) == ([("a", 1)], {"b": "condition-false"})


def test_condition_without_an_answer_fails_the_stage() -> None:
    scene = running(stage("a", if_="stages.ghost.outputs.x == '1'"))
    event = scene.one(e.StageFinished)
    assert (event.outcome, event.code) == ("failure", "expression-error")
    assert "ghost" in event.detail
    assert scene.one(e.RunFinished).outcome == "failure"


def test_outputs_reach_later_stages() -> None:
    later = job(
        "b",
        env={"IMAGE": "app:${{ stages.a.outputs.tag }}"},
        steps=(
            Step(name="x", run="y", env={"T": "${{ stages.a.outputs.tag }}"}),
            Step(name="z", run="y", if_="stages.a.outputs.tag == 'other'"),
        ),
    )
    scene = running(stage("a"), stage("b", "a", jobs=(later,)))
    spec = work(scene, "a", outputs={"tag": "1.2"}).one(e.JobQueued).spec
    assert spec.env["IMAGE"] == "app:1.2"
    assert spec.steps[0].env == {"T": "1.2"}
    assert (spec.steps[1].if_, spec.steps[1].when) == (None, ())


def test_missing_output_fails_the_stage_with_a_clear_detail() -> None:
    later = job("b", env={"IMAGE": "${{ stages.a.outputs.tag }}"})
    scene = work(running(stage("a"), stage("b", "a", jobs=(later,))), "a")
    ended = [event for event in scene.all_told(e.StageFinished) if event.stage == "b"]
    assert ended[0].outcome == "failure"
    assert "tag" in ended[0].detail
    assert scene.one(e.RunFinished).outcome == "failure"


def test_hundreds_of_stages_are_skipped_in_one_decision() -> None:
    chain = [stage("s0"), *(stage(f"s{number}", f"s{number - 1}") for number in range(1, 1500))]
    scene = work(running(*chain), "s0", "failure")
    assert len(skipped(scene)) == 1499
    scene.check_restored()


def test_after_a_cancel_only_stages_that_ask_for_it_are_looked_at() -> None:
    scene = running(stage("a"), stage("b", "a"), stage("clean", "a", if_="always()"), stage("on", "a", if_="failure()"))
    scene.when(cancel())
    assert skipped(scene) == {"b": "run-cancelled", "on": "run-cancelled"}
