"""Stages whose own steps go to an environment: what they wait for, what they hold, and when they give it back."""

from datetime import timedelta
from typing import Any

from core.aggregate import Tick
from core.environments.settings import Protection, Window
from core.pipeline.plan import Approval, DeployPlan, Need, Retry, StagePlan
from core.runs import commands as c
from core.runs import events as e
from core.runs.entering import ANSWER_TIMEOUT, RENEW, WAIT
from tests.support.given import START, Scene
from tests.unit.runs.scenes import approve, cancel, finish, job, matrix, queued, rerun, running, skipped, stage, start
from tests.unit.runs.scenes import work as worked

FRIDAY = Window("0 18 * * FRI", 3600)
OPEN = Protection(("us-east",))
BOTH = Protection(("eu-west", "us-east"))
ASKING = Protection(("us-east",), Approval(groups=("release",), prevent_self_approval=True))


def script(name: str = "live", *needs: str, **more: Any) -> StagePlan:
    return stage(name, *needs, environment="production", **more)


def noted(protection: Protection | None = OPEN, name: str = "live", round_: int = 1) -> c.NoteProtection:
    return c.NoteProtection(stage=name, round=round_, protection=protection)


def admit(region: str = "us-east", name: str = "live", round_: int = 1, epoch: int = 3) -> c.AdmitStage:
    return c.AdmitStage(stage=name, round=round_, region=region, epoch=epoch)


def deny(region: str = "us-east", round_: int = 1, **more: Any) -> c.DenyStage:
    plain: dict[str, Any] = {"code": "release-quarantined", "detail": "kept out"}
    return c.DenyStage(stage="live", round=round_, region=region, **(plain | more))


def lost(epoch: int = 3) -> c.DenyStage:
    return deny(code="lock-lost", detail="the lock expired", epoch=epoch)


def inside(*stages: StagePlan, protection: Protection = OPEN) -> Scene:
    """The stage has its locks, and its jobs are queued."""
    scene = running(*(stages or (script(),))).when(noted(protection))
    for region in protection.regions:
        scene.when(admit(region))
    return scene


def left(scene: Scene) -> tuple[str, ...]:
    return scene.one(e.StageEnvironmentLeft).regions


def ended(scene: Scene, name: str = "live") -> tuple[str, str]:
    told = next(event for event in scene.all_told(e.StageFinished) if event.stage == name)
    return told.outcome, told.code


def test_stage_asks_what_protects_its_environment_before_any_job() -> None:
    scene = running(script(regions=("us-east",)))
    asked = scene.one(e.StageProtectionRequested)
    assert (asked.app, asked.stage, asked.round, asked.environment) == ("shop", "live", 1, "production")
    assert (asked.regions, asked.by, asked.automatic) == (("us-east",), "ann", True)
    assert asked.answer_by == START + ANSWER_TIMEOUT
    assert queued(scene) == []


def test_environment_that_the_app_does_not_declare_is_just_a_name() -> None:
    scene = running(script()).when(noted(None))
    assert queued(scene) == [("live", 1)]
    worked(scene, "live").then_types(e.JobFinished, e.StageFinished, e.RunFinished)
    scene.check_restored()


def test_deployment_and_a_stage_without_an_environment_ask_nothing() -> None:
    assert queued(running(stage("build"))) == [("build", 1)]
    deploying = stage("live", environment="production", deploy=DeployPlan("production"))
    assert queued(running(deploying)) == [("live", 1)]
    gate = running(script(jobs=()))
    assert gate.state.outcome == "success"


def test_stage_waits_for_the_lock_with_the_release_of_its_run() -> None:
    scene = running(script()).when(noted(Protection(("us-east",), None, (FRIDAY,), (FRIDAY,))))
    asked = scene.one(e.StageLockRequested)
    assert (asked.environment, asked.region, asked.release.id) == ("production", "us-east", "7-c1")
    assert (asked.by, asked.automatic, asked.freezes, asked.windows) == ("ann", True, (FRIDAY,), (FRIDAY,))
    assert asked.give_up_at == START + WAIT
    assert queued(scene) == []


def test_jobs_begin_with_the_lock_and_give_it_back_when_the_last_has_ended() -> None:
    scene = running(matrix("live", 2, environment="production")).when(noted()).when(admit())
    assert scene.one(e.StageLockGranted).renew_at == START + RENEW
    assert queued(scene) == [("live-1", 1), ("live-2", 1)]
    assert worked(scene, "live-1").all_told(e.StageEnvironmentLeft) == []
    assert left(worked(scene, "live-2")) == ("us-east",)
    assert scene.state.outcome == "success"
    scene.check_restored()


def test_locks_of_several_regions_are_taken_one_after_the_other() -> None:
    scene = running(script()).when(noted(BOTH))
    assert scene.one(e.StageLockRequested).region == "eu-west"
    scene.when(admit("eu-west"))
    assert (scene.one(e.StageLockRequested).region, queued(scene)) == ("us-east", [])
    scene.when(admit("us-east", epoch=5))
    assert queued(scene) == [("live", 1)]
    assert set(left(worked(scene, "live"))) == {"eu-west", "us-east"}


def test_failure_gives_the_lock_back_and_so_does_the_stage_that_follows_it() -> None:
    scene = inside(script(), stage("after", Need("live", allow_failure=True)))
    worked(scene, "live", "failure")
    assert (ended(scene), left(scene)) == (("failure", "job-failed"), ("us-east",))
    assert queued(scene) == [("after", 1)]


def test_lock_is_kept_while_a_job_is_tried_again() -> None:
    scene = inside(script(jobs=(job("live", retry=Retry(1, ("failure",))),)))
    worked(scene, "live", "failure").then_types(e.JobFinished, e.JobQueued)
    assert left(worked(scene, "live", attempt=2)) == ("us-east",)


def test_lock_is_renewed_while_the_stage_lasts() -> None:
    scene = inside(protection=BOTH)
    for number in range(1, 4):
        renewed = scene.later(seconds=100).one(e.StageLockRenewalRequested)
        assert renewed.locks == {"eu-west": 3, "us-east": 3}
        assert renewed.next_at == START + (number + 1) * RENEW
    worked(scene, "live")
    assert scene.aggregate.deadline(scene.state) is None


def test_lock_that_is_held_is_renewed_while_the_next_one_is_waited_for() -> None:
    scene = running(script()).when(noted(BOTH)).when(admit("eu-west")).later(seconds=100)
    assert scene.one(e.StageLockRenewalRequested).locks == {"eu-west": 3}


def test_approval_of_the_environment_comes_before_its_lock() -> None:
    scene = running(script()).when(noted(ASKING))
    assert scene.one(e.ApprovalRequested).groups == ("release",)
    assert scene.all_told(e.StageLockRequested) == []
    scene.rejects(approve("live", "bob", "web"), "not-in-group")
    scene.rejects(approve("live", "ann", "release"), "self-approval")
    scene.when(approve("live", "bob", "release")).then_types(e.ApprovalGiven, e.ApprovalDecided, e.StageLockRequested)
    scene.when(admit())
    assert queued(scene) == [("live", 1)]
    scene.check_restored()


def test_who_ran_it_again_does_not_approve_it_for_the_environment() -> None:
    scene = worked(inside(), "live").when(c.RerunRun(mode="all", by="zoe")).when(noted(ASKING, round_=2))
    scene.rejects(approve("live", "zoe", "release"), "self-approval")


def test_own_approval_of_the_stage_comes_first_and_does_not_count_for_the_environment() -> None:
    scene = running(script(approval=Approval()))
    scene.when(approve("live", "bob")).then_types(e.ApprovalGiven, e.ApprovalDecided, e.StageProtectionRequested)
    scene.when(noted(ASKING)).then_types(e.StageProtectionNoted, e.ApprovalRequested)
    assert scene.when(approve("live", "bob", "release")).one(e.StageLockRequested).region == "us-east"


def test_rejected_or_expired_approval_of_the_environment_fails_the_stage_without_a_lock() -> None:
    scene = running(script()).when(noted(ASKING)).when(approve("live", "bob", "release", approve=False))
    assert (ended(scene), scene.all_told(e.StageEnvironmentLeft)) == (("failure", "approval-rejected"), [])
    late = running(script()).when(noted(ASKING)).later(days=1)
    assert ended(late) == ("failure", "approval-expired")


def test_environment_that_refuses_the_release_fails_the_stage() -> None:
    scene = running(script()).when(noted()).when(deny())
    assert (ended(scene), left(scene)) == (("failure", "release-quarantined"), ("us-east",))


def test_region_that_the_environment_does_not_have_fails_the_stage() -> None:
    refused = c.NoteProtection(stage="live", round=1, code="region-unknown", detail="no such region")
    scene = running(script()).when(refused)
    assert ended(scene) == ("failure", "region-unknown")


def test_cancel_while_waiting_leaves_the_queue() -> None:
    asked = running(script()).when(cancel())
    assert (skipped(asked), asked.all_told(e.StageEnvironmentLeft)) == ({"live": "run-cancelled"}, [])
    waiting = running(script()).when(noted()).when(cancel())
    assert (skipped(waiting), left(waiting)) == ({"live": "run-cancelled"}, ("us-east",))
    assert waiting.state.outcome == "cancelled"
    second = running(script()).when(noted(BOTH)).when(admit("eu-west")).when(cancel())
    assert left(second) == ("eu-west", "us-east")


def test_cancel_while_holding_keeps_the_lock_until_the_job_has_stopped() -> None:
    scene = inside().when(start("live")).when(cancel())
    assert scene.all_told(e.StageEnvironmentLeft) == []
    scene.when(finish("live", "cancelled"))
    assert (left(scene), scene.state.outcome) == (("us-east",), "cancelled")


def test_cancel_while_holding_gives_it_back_at_last_when_the_agent_says_nothing() -> None:
    scene = inside().when(start("live")).when(cancel()).later(seconds=60)
    assert left(scene) == ("us-east",)


def test_stage_that_outlives_a_cancel_enters_but_asks_nobody() -> None:
    always = script(if_="always()")
    scene = running(always).when(cancel()).when(noted())
    assert scene.one(e.StageLockRequested).region == "us-east"
    asking = running(always).when(cancel()).when(noted(ASKING))
    assert skipped(asking) == {"live": "run-cancelled"}
    forced = running(always).when(noted()).when(cancel(force=True))
    assert left(forced) == ("us-east",)


def test_lost_lock_stops_the_jobs_and_the_stage_ends_as_an_error() -> None:
    scene = inside(script("live", jobs=(job("live-1"), job("live-2")), max_parallel=1), protection=BOTH)
    scene.when(start("live-1")).when(lost())
    assert (left(scene), scene.one(e.JobCancelRequested).reason) == (("us-east",), "lock-lost")
    assert scene.one(e.JobsSkipped).jobs == ("live-2",)
    scene.when(finish("live-1", "cancelled"))
    assert (ended(scene), left(scene)) == (("error", "lock-lost"), ("eu-west",))
    assert scene.state.outcome == "error"
    scene.check_restored()


def test_lock_lost_while_waiting_for_the_next_one_ends_the_stage() -> None:
    scene = running(script()).when(noted(BOTH)).when(admit("eu-west"))
    scene.when(c.DenyStage(stage="live", round=1, region="eu-west", code="lock-lost", detail="expired", epoch=3))
    assert (ended(scene), left(scene)) == (("error", "lock-lost"), ("eu-west", "us-east"))


def test_words_of_another_round_region_or_epoch_change_nothing() -> None:
    scene = running(script()).when(noted())
    for word in (noted(), admit(round_=2), admit("eu-west"), deny("eu-west"), deny(round_=2), lost()):
        scene.when(word).then()
    scene.when(admit()).when(lost(epoch=2)).then()
    scene.when(admit()).then()
    worked(scene, "live").when(admit()).then()


def test_nobody_answers() -> None:
    scene = running(script()).later(minutes=10)
    assert ended(scene) == ("error", "environment-unanswered")
    waiting = running(script()).when(noted()).later(days=7)
    assert (ended(waiting), left(waiting)) == (("error", "lock-timeout"), ("us-east",))


def test_rerun_enters_anew() -> None:
    scene = worked(inside(), "live", "failure").when(rerun("failed"))
    assert scene.one(e.StageProtectionRequested).round == 2
    scene.when(noted(round_=2))
    assert scene.one(e.StageLockRequested).round == 2
    scene.when(admit()).then()
    scene.when(admit(round_=2, epoch=9))
    assert queued(scene) == [("live", 2)]
    assert left(worked(scene, "live", attempt=2)) == ("us-east",)
    scene.check_restored()


def test_tick_that_comes_early_renews_nothing() -> None:
    scene = inside()
    scene.now += timedelta(seconds=99)
    scene.when(Tick()).then()
