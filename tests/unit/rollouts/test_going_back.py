"""Failures, breaches and aborts: what goes back, what stays, and how it ends."""

from typing import Any

from core.environments.settings import Bake
from core.rollouts import commands as c
from core.rollouts import events as e
from tests.support.given import Scene
from tests.unit.rollouts import scenes
from tests.unit.rollouts.scenes import AP, EU, OLD, US, begun, breach, fail, finish, outcome, placed, settings, succeed


def second_wave(**more: Any) -> Scene:
    """The first region is done, two are under way."""
    return succeed(begun(settings(**more)), US, watching=bool(more.get("watch_seconds")))


def steered(scene: Scene) -> tuple[str, list[str]]:
    told = scene.one(e.DeploymentsSteered)
    return told.what, [region for region, _ in told.deployments]


def test_failure_of_the_first_region_ends_it_where_nothing_else_was_done() -> None:
    scene = begun()
    scene.when(fail(scene, US)).then_types(e.RegionFinished, e.RolloutAborted, e.RolloutFinished)
    assert outcome(scene) == ("rolled_back", "analysis-failed")
    assert scene.one(e.RolloutFinished).detail == "us-east: error-rate 0.05 > 0.01"


def test_deployment_that_never_changed_anything_is_no_rollback() -> None:
    scene = begun()
    scene.when(finish(scene, US, "error", code="release-quarantined", detail="quarantined"))
    assert outcome(scene) == ("error", "release-quarantined")


def test_failure_in_one_region_takes_all_back() -> None:
    scene = second_wave()
    scene.when(fail(scene, EU))
    scene.then_types(e.RegionFinished, e.RolloutAborted, e.DeploymentsSteered, e.WaveStarted)
    assert steered(scene) == ("abort", [AP])
    assert placed(scene) == {US: "r1"}
    wave = scene.one(e.WaveStarted)
    assert (wave.rollback, wave.origin.by, wave.origin.automatic) == (True, "sealane", True)
    scene.when(finish(scene, AP, "aborted", code="aborted")).then_types(e.RegionFinished)
    scene.when(finish(scene, US)).then_types(e.RegionFinished, e.RolloutFinished)
    assert outcome(scene) == ("rolled_back", "analysis-failed")
    scene.check_restored()


def test_region_that_finished_before_it_heard_of_the_abort_goes_back_too() -> None:
    scene = second_wave()
    scene.when(fail(scene, EU)).when(finish(scene, US))
    assert placed(scene.when(finish(scene, AP, watching=True))) == {AP: "r1"}
    scene.when(finish(scene, AP))
    assert outcome(scene) == ("rolled_back", "analysis-failed")


def test_second_failure_on_the_way_back_changes_nothing() -> None:
    scene = second_wave()
    scene.when(fail(scene, EU)).when(fail(scene, AP, code="crashed")).then_types(e.RegionFinished)
    scene.when(finish(scene, US))
    assert outcome(scene) == ("rolled_back", "analysis-failed")


def test_breach_while_watching_takes_all_back() -> None:
    scene = second_wave(watch_seconds=60)
    scene.when(breach(scene, US))
    scene.then_types(e.WatchOver, e.RolloutAborted, e.DeploymentsSteered, e.WaveStarted)
    assert placed(scene) == {US: "r1"}
    scene.when(finish(scene, US))
    scene.when(finish(scene, EU, "aborted", code="aborted")).when(finish(scene, AP, "aborted", code="aborted"))
    assert outcome(scene) == ("rolled_back", "crashed")


def test_breach_after_the_last_wave_still_takes_all_back() -> None:
    scene = succeed(second_wave(watch_seconds=60), EU, AP, watching=True)
    scene.when(scenes.end_watch(scene, US)).then_types(e.WatchOver)
    assert placed(scene.when(breach(scene, AP))) == {US: "r1", EU: "r1", AP: "r1"}
    succeed(scene, US, EU, AP)
    assert outcome(scene) == ("rolled_back", "crashed")


def test_breach_that_comes_after_the_way_back_began_is_an_echo() -> None:
    scene = second_wave(watch_seconds=60)
    watched = breach(scene, US)
    scene.when(fail(scene, EU)).when(watched).then()


def test_region_without_a_past_stays_and_that_is_an_error() -> None:
    scene = succeed(begun(), US, rollback_to=None)
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    assert outcome(scene) == ("error", "nothing-to-roll-back-to")
    assert "us-east stays on release r2" in scene.one(e.RolloutFinished).detail


def test_rollback_that_fails_is_an_error() -> None:
    scene = second_wave()
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    scene.when(finish(scene, US, "error", code="target-lost", detail="no answer"))
    assert outcome(scene) == ("error", "target-lost")
    assert scene.one(e.RolloutFinished).detail.endswith("us-east could not go back: no answer")


def test_rollback_that_lost_its_lock_is_tried_again_but_not_for_ever() -> None:
    scene = second_wave()
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    lost = {"code": "lock-lost", "detail": "expired"}
    assert placed(scene.when(finish(scene, US, "error", **lost))) == {US: "r1"}
    assert placed(scene.when(finish(scene, US, "error", **lost))) == {US: "r1"}
    scene.when(finish(scene, US, "error", **lost))
    assert outcome(scene) == ("error", "lock-lost")


def test_region_that_nobody_knows_anything_of_is_taken_back() -> None:
    scene = begun()
    lost = finish(scene, US, "error", code="lock-lost", detail="expired", touched=True)
    scene.when(lost).then_types(e.RegionFinished, e.RolloutAborted, e.WaveStarted)
    assert placed(scene) == {US: "r1"}
    scene.when(finish(scene, US))
    assert outcome(scene) == ("rolled_back", "lock-lost")
    scene.check_restored()


def test_region_that_nobody_knows_anything_of_is_taken_back_under_halt_too() -> None:
    scene = begun(settings(waves=((US, EU), (AP,)), on_failure="halt"))
    scene.when(finish(scene, US, "error", code="target-lost", detail="no answer", touched=True))
    scene.then_types(e.RegionFinished, e.RolloutHalted, e.WaveStarted)
    assert placed(scene) == {US: "r1"}
    scene.when(finish(scene, US)).when(finish(scene, EU)).then_types(e.RegionFinished)
    assert placed(scene.when(c.ResumeRollout(by="bob"))) == {US: "r2"}


def test_error_before_anything_was_asked_of_the_target_needs_no_way_back() -> None:
    scene = begun()
    scene.when(finish(scene, US, "error", code="lock-timeout", detail="7 days"))
    assert outcome(scene) == ("error", "lock-timeout")


def test_region_where_somebody_else_went_on_needs_no_way_back() -> None:
    scene = second_wave()
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    scene.when(finish(scene, US, "error", code="superseded", detail="r3 is there"))
    assert outcome(scene) == ("rolled_back", "analysis-failed")


def test_halt_leaves_what_is_done_and_waits_for_people() -> None:
    scene = second_wave(on_failure="halt")
    scene.when(fail(scene, EU)).then_types(e.RegionFinished, e.RolloutHalted)
    scene.when(fail(scene, AP)).then_types(e.RegionFinished)
    scene.later(days=3).then()
    scene.when(c.ResumeRollout(by="bob")).then_types(e.RolloutResumed, e.WaveStarted)
    assert placed(scene) == {EU: "r2", AP: "r2"}
    wave = scene.one(e.WaveStarted)
    assert (wave.origin.by, wave.origin.automatic, wave.index) == ("bob", False, 1)
    succeed(scene, EU, AP)
    assert outcome(scene) == ("success", "")
    scene.check_restored()


def test_halted_rollout_lets_the_rest_of_the_wave_end_and_starts_nothing() -> None:
    scene = begun(settings(waves=((US, EU), (AP,)), on_failure="halt"))
    scene.when(fail(scene, US)).when(finish(scene, EU)).then_types(e.RegionFinished)
    scene.when(c.ResumeRollout(by="bob"))
    assert placed(scene) == {US: "r2"}
    assert placed(scene.when(finish(scene, US))) == {AP: "r2"}


def test_halt_that_nobody_ends_ends_by_itself_and_leaves_all_as_it_is() -> None:
    scene = second_wave(on_failure="halt")
    scene.when(fail(scene, EU)).when(fail(scene, AP)).later(days=7).then_types(e.RolloutFinished)
    assert outcome(scene) == ("error", "halt-expired")


def test_breach_under_halt_takes_back_the_region_that_is_to_blame_only() -> None:
    scene = succeed(second_wave(on_failure="halt", watch_seconds=60), EU, watching=True)
    scene.when(breach(scene, US)).then_types(e.WatchOver, e.RolloutHalted, e.WaveStarted)
    assert placed(scene) == {US: "r1"}
    scene.when(finish(scene, AP, watching=True)).when(finish(scene, US)).then_types(e.RegionFinished)
    scene.when(scenes.end_watch(scene, EU)).when(scenes.end_watch(scene, AP)).then_types(e.WatchOver)
    assert placed(scene.when(c.ResumeRollout(by="bob"))) == {US: "r2"}
    assert outcome(succeed(scene, US)) == ("success", "")


def test_rollout_that_is_resumed_while_a_region_goes_back_waits_for_it_and_tries_again() -> None:
    scene = succeed(begun(settings(waves=(), on_failure="halt", watch_seconds=60)), US, EU, AP, watching=True)
    scene.when(scenes.end_watch(scene, EU)).when(scenes.end_watch(scene, AP)).when(breach(scene, US))
    scene.when(c.ResumeRollout(by="bob")).then_types(e.RolloutResumed)
    assert placed(scene.when(finish(scene, US))) == {US: "r2"}
    assert outcome(succeed(scene, US)) == ("success", "")


def test_no_bake_ends_while_a_region_goes_back() -> None:
    plan = settings(waves=((US,), (EU, AP)), on_failure="halt", watch_seconds=60, bake=Bake(time_seconds=60))
    scene = succeed(begun(plan), US, watching=True)
    scene.when(breach(scene, US)).when(c.ResumeRollout(by="bob")).then_types(e.RolloutResumed, e.BakeStarted)
    scene.rejects(c.PromoteRollout(by="bob"), "nothing-to-promote")
    scene.later(seconds=61).then()
    assert placed(scene.when(finish(scene, US))) == {US: "r2"}
    scene.when(finish(scene, US)).then_types(e.RegionFinished, e.BakeStarted)
    assert placed(scene.later(seconds=61)) == {EU: "r2", AP: "r2"}


def test_no_wave_begins_before_a_region_of_an_earlier_one_is_well_again() -> None:
    plan = settings(waves=((US,), (EU,), (AP,)), on_failure="halt", watch_seconds=60)
    scene = succeed(begun(plan), US, watching=True)
    scene.when(breach(scene, US)).when(finish(scene, EU)).when(finish(scene, US))
    assert placed(scene.when(c.ResumeRollout(by="bob"))) == {US: "r2"}
    assert placed(scene.when(finish(scene, US))) == {AP: "r2"}


def test_regions_that_failed_are_tried_again_in_the_order_of_their_waves() -> None:
    plan = settings(waves=((US,), (EU,), (AP,)), on_failure="halt", watch_seconds=60)
    scene = succeed(begun(plan), US, watching=True)
    scene.when(breach(scene, US)).when(fail(scene, EU)).when(finish(scene, US))
    assert placed(scene.when(c.ResumeRollout(by="bob"))) == {US: "r2"}
    assert scene.one(e.WaveStarted).index == 0
    scene.when(finish(scene, US))
    wave = scene.one(e.WaveStarted)
    assert (wave.index, placed(scene), wave.origin.by) == (1, {EU: "r2"}, "bob")
    assert placed(scene.when(finish(scene, EU))) == {AP: "r2"}
    scene.when(finish(scene, AP))
    assert outcome(scene) == ("success", "")


def test_abort_takes_all_back_by_that_persons_will() -> None:
    scene = second_wave().when(c.AbortRollout(by="bob", reason="wrong day"))
    scene.then_types(e.RolloutAborted, e.DeploymentsSteered, e.WaveStarted)
    assert steered(scene) == ("abort", [EU, AP])
    wave = scene.one(e.WaveStarted)
    assert (wave.origin.by, wave.origin.automatic) == ("bob", False)
    scene.when(c.AbortRollout(by="bob")).then()
    scene.when(finish(scene, US))
    scene.when(finish(scene, EU, "aborted")).when(finish(scene, AP, "aborted"))
    assert outcome(scene) == ("aborted", "aborted")
    scene.rejects(c.AbortRollout(by="bob"), "rollout-finished")


def test_abort_under_halt_leaves_what_had_finished() -> None:
    scene = second_wave(on_failure="halt").when(c.AbortRollout(by="bob"))
    scene.then_types(e.RolloutAborted, e.DeploymentsSteered)
    scene.when(finish(scene, EU, "aborted")).when(finish(scene, AP, "aborted"))
    assert outcome(scene) == ("aborted", "aborted")


def test_breach_of_a_region_that_an_abort_left_takes_it_back_before_the_end() -> None:
    scene = second_wave(on_failure="halt", watch_seconds=60).when(c.AbortRollout(by="bob"))
    scene.when(finish(scene, EU, "aborted")).when(finish(scene, AP, "aborted")).then_types(e.RegionFinished)
    assert placed(scene.when(breach(scene, US))) == {US: "r1"}
    scene.when(finish(scene, US))
    assert outcome(scene) == ("aborted", "aborted")


def test_abort_while_all_is_watched_takes_all_back() -> None:
    scene = succeed(second_wave(watch_seconds=60), EU, AP, watching=True)
    assert placed(scene.when(c.AbortRollout(by="bob"))) == {US: "r1", EU: "r1", AP: "r1"}


def test_aborted_rollback_goes_nowhere_else() -> None:
    scene = succeed(begun(kind="rollback", release=OLD), US)
    scene.when(c.AbortRollout(by="bob")).then_types(e.RolloutAborted, e.DeploymentsSteered)
    scene.when(finish(scene, EU, "aborted")).when(finish(scene, AP, "aborted"))
    assert outcome(scene) == ("aborted", "aborted")


def test_failure_goes_back_although_it_is_paused() -> None:
    scene = second_wave().when(c.PauseRollout(by="bob"))
    assert placed(scene.when(fail(scene, EU))) == {US: "r1"}
    scene.check_restored()
