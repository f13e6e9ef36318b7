"""Stages that deploy: what is asked for, how a stage ends as its rollout does, and what a cancel takes back."""

from datetime import timedelta
from typing import Any

import pytest

from core.environments.release import Artifact, Release
from core.pipeline.plan import DeployPlan, ReleasePlan, StagePlan
from core.runs import commands as c
from core.runs import events as e
from core.runs.deploying import ANSWER_TIMEOUT, MAX_RELEASE_BYTES, UNDONE_AFTER
from tests.support.given import START, Scene
from tests.unit.runs.scenes import ID, cancel, finish, job, plan, requested, rerun, running, skipped, stage, start, work

ROLLOUT = "eu-west-00000000000000aa"
OTHER = "eu-west-00000000000000bb"
DIGEST = "sha256:" + "a" * 64


def deploying(name: str = "live", *needs: str, jobs: Any = (), **more: Any) -> StagePlan:
    return stage(name, *needs, jobs=jobs, environment="production", deploy=DeployPlan("production", **more))


def noted(rollout: str = ROLLOUT, name: str = "live", round_: int = 1) -> c.NoteRollout:
    return c.NoteRollout(stage=name, round=round_, rollout_id=rollout)


def ended(outcome: Any, rollout: str = ROLLOUT, name: str = "live", round_: int = 1, **more: Any) -> c.FinishDeploy:
    return c.FinishDeploy(stage=name, round=round_, outcome=outcome, rollout_id=rollout, **more)


def finished_stage(scene: Scene, name: str = "live") -> e.StageFinished:
    return next(event for event in scene.all_told(e.StageFinished) if event.stage == name)


def test_stage_without_jobs_asks_for_a_rollout_at_once() -> None:
    scene = running(deploying(regions=("us",), strategy="canary"))
    asked = scene.one(e.StageDeployRequested)
    assert (asked.app, asked.stage, asked.round) == ("shop", "live", 1)
    assert (asked.environment, asked.regions, asked.strategy) == ("production", ("us",), "canary")
    assert asked.release == Release(
        "7-c1", "shop", Artifact("tree", "git:c1", "https://forge/shop.git"), "c1", ID, "ann"
    )
    assert asked.answer_by == START + ANSWER_TIMEOUT
    assert scene.state.status == "running"


def test_stage_asks_when_its_jobs_have_succeeded() -> None:
    scene = running(deploying(jobs=(job("live"),)))
    assert scene.all_told(e.StageDeployRequested) == []
    work(scene, "live")
    assert scene.one(e.StageDeployRequested).stage == "live"


def test_stage_whose_job_failed_deploys_nothing() -> None:
    scene = running(deploying(jobs=(job("live"),)))
    work(scene, "live", "failure")
    assert scene.all_told(e.StageDeployRequested) == []
    assert scene.one(e.RunFinished).outcome == "failure"


def test_push_is_automatic_and_a_person_is_not() -> None:
    pushed = running(deploying()).one(e.StageDeployRequested)
    assert (pushed.by, pushed.automatic) == ("ann", True)
    by_hand = requested(source="manual", author="bob").when(plan(deploying())).one(e.StageDeployRequested)
    assert (by_hand.by, by_hand.automatic) == ("bob", False)


def test_stage_ends_with_its_rollout_and_passes_on_what_it_was() -> None:
    after = stage("after", "live", jobs=(job("after", env={"R": "${{ stages.live.outputs.rollout }}"}),))
    scene = running(deploying(), after).when(noted())
    assert scene.one(e.StageDeployAccepted).ends_by == START + timedelta(days=7)
    scene.when(ended("success"))
    assert finished_stage(scene).outcome == "success"
    assert scene.one(e.JobQueued).spec.env["R"] == ROLLOUT
    assert scene.state.stages["live"].outputs == {"release": "7-c1", "rollout": ROLLOUT}
    scene.check_restored()


@pytest.mark.parametrize(
    ("outcome", "stage_outcome", "code", "run_outcome"),
    [
        ("rolled_back", "failure", "deploy-rolled-back", "failure"),
        ("aborted", "failure", "deploy-aborted", "failure"),
        ("rejected", "failure", "deploy-rejected", "failure"),
        ("error", "error", "deploy-error", "error"),
    ],
)
def test_rollout_that_did_not_succeed_says_why(outcome: str, stage_outcome: str, code: str, run_outcome: str) -> None:
    scene = running(deploying()).when(noted()).when(ended(outcome, code="analysis-failed", detail="error-rate 0.2"))
    told = finished_stage(scene)
    assert (told.outcome, told.code, told.detail) == (stage_outcome, code, "analysis-failed: error-rate 0.2")
    assert scene.one(e.RunFinished).outcome == run_outcome


def test_refusal_fails_the_stage_with_its_own_code() -> None:
    refusal = ended("refused", "", code="environment-unknown", detail="app 'shop' has no environment 'production'")
    told = finished_stage(running(deploying()).when(refusal))
    assert (told.outcome, told.code) == ("failure", "environment-unknown")
    assert "production" in told.detail


def test_refusal_may_come_after_the_acceptance() -> None:
    refusal = ended("refused", "", code="region-unknown", detail="there is no region 'mars'")
    told = finished_stage(running(deploying()).when(noted()).when(refusal))
    assert (told.outcome, told.code) == ("failure", "region-unknown")


def test_stage_that_does_not_wait_ends_when_the_rollout_is_accepted() -> None:
    scene = running(deploying(wait=False)).when(noted())
    assert finished_stage(scene).outcome == "success"
    assert scene.one(e.RunFinished).outcome == "success"
    assert scene.state.stages["live"].outputs["rollout"] == ROLLOUT
    scene.when(ended("rolled_back")).then()
    scene.when(noted()).then()


def test_end_that_is_heard_before_the_acceptance_counts() -> None:
    scene = running(deploying()).when(ended("success"))
    assert scene.one(e.StageDeployAccepted).rollout_id == ROLLOUT
    assert scene.one(e.RunFinished).outcome == "success"
    scene.when(noted()).then()


def test_repeated_words_change_nothing() -> None:
    scene = running(deploying(), stage("other")).when(noted())
    scene.when(noted()).then()
    scene.when(ended("success"))
    scene.when(ended("success")).then()
    scene.when(ended("rolled_back")).then()


def test_end_of_another_rollout_is_not_this_stages() -> None:
    scene = running(deploying()).when(noted())
    scene.when(ended("success", OTHER)).then()
    scene.when(ended("success", round_=2)).then()
    scene.when(ended("success", name="nowhere")).then()
    scene.when(noted(name="nowhere")).then()


def test_nobody_answers() -> None:
    scene = running(deploying()).later(minutes=10)
    told = finished_stage(scene)
    assert (told.outcome, told.code) == ("error", "deploy-unanswered")
    assert scene.one(e.RunFinished).outcome == "error"


def test_rollout_that_takes_too_long_is_aborted_and_fails_the_stage() -> None:
    scene = running(deploying(timeout_seconds=3600)).when(noted()).later(hours=1)
    assert scene.one(e.StageDeployCancelRequested) == e.StageDeployCancelRequested(
        stage="live", rollout_id=ROLLOUT, reason="timeout", deadline_at=scene.now + UNDONE_AFTER
    )
    told = finished_stage(scene.when(ended("aborted")))
    assert (told.outcome, told.code) == ("failure", "deploy-timeout")
    assert "3600 s" in told.detail


def test_rollout_that_does_not_stop_either_is_not_waited_for_for_ever() -> None:
    scene = running(deploying(timeout_seconds=60)).when(noted()).later(minutes=1).later(minutes=15)
    told = finished_stage(scene)
    assert (told.outcome, told.code) == ("failure", "unconfirmed")
    assert ROLLOUT in told.detail
    assert scene.aggregate.deadline(scene.state) is None


def test_cancel_takes_the_rollout_back_and_waits_for_it() -> None:
    scene = running(deploying(), stage("after", "live")).when(noted()).when(cancel())
    stopped = scene.one(e.StageDeployCancelRequested)
    assert (stopped.rollout_id, stopped.reason) == (ROLLOUT, "user")
    assert skipped(scene) == {"after": "run-cancelled"}
    scene.when(cancel(force=True))
    assert scene.all_told(e.StageDeployCancelRequested) == []
    scene.when(ended("rolled_back"))
    assert finished_stage(scene).outcome == "cancelled"
    assert scene.one(e.RunFinished).outcome == "cancelled"
    scene.check_restored()


def test_rollout_that_was_complete_before_the_cancel_reached_it_succeeded() -> None:
    scene = running(deploying()).when(noted()).when(cancel()).when(ended("success"))
    assert finished_stage(scene).outcome == "success"


def test_cancelled_rollout_that_is_never_heard_of_ends_unconfirmed() -> None:
    scene = running(deploying()).when(noted()).when(cancel()).later(minutes=15)
    told = finished_stage(scene)
    assert (told.outcome, told.code) == ("cancelled", "unconfirmed")


def test_rollout_accepted_after_the_cancel_is_taken_back() -> None:
    scene = running(deploying()).when(cancel())
    assert scene.one(e.RunFinished).outcome == "cancelled"
    scene.when(noted()).then(e.StageDeployCancelRequested(stage="live", rollout_id=ROLLOUT, reason="stage-over"))
    assert scene.state.stages["live"].outputs == {"release": "7-c1"}
    scene.check_restored()


def test_cancel_while_jobs_run_deploys_nothing_even_if_they_succeed() -> None:
    scene = running(deploying(jobs=(job("live"),))).when(start("live")).when(cancel()).when(finish("live"))
    assert scene.all_told(e.StageDeployRequested) == []
    assert finished_stage(scene).outcome == "cancelled"


def test_stage_that_outlives_a_cancel_deploys_all_the_same() -> None:
    back = stage("back", "live", jobs=(), if_="always()", deploy=DeployPlan("maintenance"))
    scene = running(deploying(), back).when(noted()).when(cancel()).when(ended("aborted"))
    assert scene.one(e.StageDeployRequested).environment == "maintenance"
    scene.when(cancel(force=True))
    assert scene.one(e.RunFinished).outcome == "cancelled"


def test_running_it_again_makes_another_rollout_of_the_same_release() -> None:
    scene = running(deploying(jobs=(job("live"),)))
    work(scene, "live")
    first = scene.one(e.StageDeployRequested)
    scene.when(noted()).when(ended("rolled_back")).when(rerun("failed"))
    again = scene.one(e.StageDeployRequested)
    assert scene.all_told(e.JobQueued) == []
    assert (again.round, again.release, again.by, again.automatic) == (2, first.release, "ann", False)
    scene.when(noted()).then(e.StageDeployCancelRequested(stage="live", rollout_id=ROLLOUT, reason="stage-over"))
    scene.when(noted(OTHER, round_=2)).when(ended("success", OTHER, round_=2))
    assert scene.state.stages["live"].outputs["rollout"] == OTHER
    scene.check_restored()


def test_image_of_an_earlier_stage_is_the_release() -> None:
    release = ReleasePlan(
        "shop:${{ stages.build.outputs.tag }}", "${{ stages.build.outputs.digest }}", {"MODE": "fast"}
    )
    scene = running(stage("build"), deploying("live", "build", release=release), deploying("dev", "build"))
    work(scene, "build", outputs={"tag": "7", "digest": DIGEST})
    live, dev = scene.all_told(e.StageDeployRequested)
    assert live.release.artifact == Artifact("image", DIGEST, "shop:7")
    assert live.release.config == {"MODE": "fast"}
    assert live.release.id.startswith("7-c1-")
    assert (dev.release.id, dev.release.artifact.kind) == ("7-c1", "tree")


def test_same_content_has_the_same_id_and_another_one_another() -> None:
    def named(**config: str) -> str:
        return running(deploying(release=ReleasePlan(config=config))).one(e.StageDeployRequested).release.id

    assert named(A="1", B="2") == named(B="2", A="1")
    assert len({named(), named(A="1"), named(A="2"), named(A="1B=2"), named(A="1", B="2")}) == 5


@pytest.mark.parametrize(
    ("release", "code"),
    [
        (ReleasePlan("shop:7", "${{ stages.build.outputs.digest }}"), "bad-digest"),
        (ReleasePlan("${{ stages.build.outputs.digest }} x", DIGEST), "bad-image"),
        (ReleasePlan("shop:7", "${{ stages.build.outputs.missing }}"), "no-such-value"),
        (ReleasePlan(config={f"K{n}": "x" * 1000 for n in range(MAX_RELEASE_BYTES // 1000 + 1)}), "release-too-large"),
    ],
)
def test_release_that_can_not_be_fails_the_stage(release: ReleasePlan, code: str) -> None:
    scene = running(stage("build"), deploying("live", "build", release=release))
    work(scene, "build", outputs={"digest": "latest"})
    told = finished_stage(scene)
    assert (told.outcome, told.code) == ("failure", code)
    assert scene.one(e.RunFinished).outcome == "failure"


def test_word_about_a_rollout_before_the_plan_is_refused() -> None:
    requested().rejects(noted(), "run-not-started")
