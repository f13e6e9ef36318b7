"""Wave after wave, and what is between them."""

from datetime import timedelta

import pytest

from core.environments.settings import Bake
from core.ids import deployment_id
from core.rollouts import commands as c
from core.rollouts import events as e
from core.rollouts.aggregate import ROLLOUT
from tests.support.given import START, Scene, given
from tests.unit.rollouts import scenes
from tests.unit.rollouts.scenes import AP, EU, ID, NEW, OLD, US, begun, finish, outcome, placed, settings, succeed


def requests(scene: Scene, region: str, count: int) -> c.NoteRequests:
    return c.NoteRequests(deployment_id=scenes.deployment(scene, region), region=region, requests=count)


def test_first_wave_starts_at_once_and_the_next_when_it_is_done() -> None:
    scene = begun()
    scene.then_types(e.RolloutRequested, e.WaveStarted)
    wave = scene.one(e.WaveStarted)
    assert wave.placements == (e.Placement(US, deployment_id(US, ID, 1), NEW),)
    assert (wave.index, wave.rollback, wave.origin.by) == (0, False, "ann")
    scene.when(finish(scene, US)).then_types(e.RegionFinished, e.WaveStarted)
    assert placed(scene) == {EU: "r2", AP: "r2"}
    scene.when(finish(scene, AP)).then_types(e.RegionFinished)
    scene.when(finish(scene, EU)).then_types(e.RegionFinished, e.RolloutFinished)
    ended = scene.one(e.RolloutFinished)
    assert (ended.outcome, ended.code, ended.release_id, ended.origin.stage) == ("success", "", "r2", "ship")
    assert scene.aggregate.finished(scene.state)
    scene.check_restored()


def test_environment_without_waves_goes_everywhere_at_once() -> None:
    assert placed(begun(settings(waves=()))) == {US: "r2", EU: "r2", AP: "r2"}


def test_chosen_regions_keep_their_waves() -> None:
    scene = begun(regions=(AP, US))
    assert placed(scene) == {US: "r2"}
    assert placed(scene.when(finish(scene, US))) == {AP: "r2"}


def test_wave_without_a_chosen_region_is_none() -> None:
    scene = begun(regions=(EU,))
    assert placed(scene) == {EU: "r2"}
    assert outcome(scene.when(finish(scene, EU))) == ("success", "")


def test_repeated_start_changes_nothing() -> None:
    begun().when(scenes.start()).then()


def test_deployments_of_each_attempt_have_names_of_their_own() -> None:
    scene = begun(settings(waves=(), on_failure="halt"))
    first = scenes.deployment(scene, US)
    scene.when(scenes.fail(scene, US)).when(c.ResumeRollout(by="bob"))
    assert scenes.deployment(scene, US) != first
    scene.when(finish(scene, US, deployment_id=first)).then()


def test_next_wave_waits_for_the_bakes_time() -> None:
    scene = begun(settings(bake=Bake(time_seconds=600)))
    scene.when(finish(scene, US)).then_types(e.RegionFinished, e.BakeStarted)
    assert scene.one(e.BakeStarted).until == START + timedelta(seconds=600)
    scene.later(seconds=599).then()
    scene.later(seconds=1).then_types(e.BakeFinished, e.WaveStarted)
    succeed(scene, EU, AP)
    assert outcome(scene) == ("success", "")


def test_next_wave_waits_for_requests_in_every_region_of_the_wave() -> None:
    plan = settings(waves=((US, EU), (AP,)), bake=Bake(time_seconds=60, min_requests=100))
    scene = succeed(begun(plan), US)
    scene.when(requests(scene, US, 40)).then(e.RequestsNoted(region=US, requests=40))
    succeed(scene, EU).then_types(e.RegionFinished, e.BakeStarted)
    scene.when(requests(scene, US, 150)).then_types(e.RequestsNoted)
    scene.when(requests(scene, US, 200)).then()
    scene.later(seconds=120).then()
    scene.when(requests(scene, EU, 99)).then_types(e.RequestsNoted)
    scene.when(requests(scene, EU, 100)).then_types(e.RequestsNoted, e.BakeFinished, e.WaveStarted)
    scene.when(requests(scene, AP, 50)).then()


def test_enough_requests_do_not_shorten_the_bake() -> None:
    scene = succeed(begun(settings(bake=Bake(time_seconds=60, min_requests=10))), US)
    scene.when(requests(scene, US, 10)).then_types(e.RequestsNoted)
    scene.later(seconds=60).then_types(e.BakeFinished, e.WaveStarted)


def test_bake_for_requests_alone() -> None:
    scene = succeed(begun(settings(bake=Bake(min_requests=10))), US)
    scene.then_types(e.RegionFinished, e.BakeStarted)
    scene.when(requests(scene, US, 12)).then_types(e.RequestsNoted, e.BakeFinished, e.WaveStarted)


def test_requests_that_were_there_before_the_bake_count() -> None:
    plan = settings(waves=((US, EU), (AP,)), bake=Bake(min_requests=10))
    scene = succeed(begun(plan), US)
    scene.when(requests(scene, US, 12))
    scene.when(requests(scene, EU, 12))
    succeed(scene, EU).then_types(e.RegionFinished, e.BakeStarted, e.BakeFinished, e.WaveStarted)


def test_bake_that_sees_too_few_requests_halts() -> None:
    scene = succeed(begun(settings(bake=Bake(time_seconds=60, min_requests=100, give_up_seconds=900))), US)
    scene.when(requests(scene, US, 3)).later(seconds=899).then()
    scene.later(seconds=1).then_types(e.RolloutHalted)
    halted = scene.one(e.RolloutHalted)
    assert (halted.code, halted.detail.split(";")[0]) == ("bake-too-few-requests", "us-east had 3 of 100 requests")
    scene.when(c.ResumeRollout(by="bob")).then_types(e.RolloutResumed, e.BakeStarted)
    scene.later(seconds=900).then_types(e.RolloutHalted)
    scene.when(c.PromoteRollout(by="bob")).then_types(e.RolloutResumed, e.BakeFinished, e.WaveStarted)
    succeed(scene, EU, AP).check_restored()


def test_bake_is_ended_early_by_a_promotion() -> None:
    scene = succeed(begun(settings(bake=Bake(time_seconds=600))), US)
    scene.when(c.PromoteRollout(by="bob"))
    scene.then_types(e.BakeFinished, e.WaveStarted)
    assert scene.one(e.BakeFinished) == e.BakeFinished(index=0, by="bob")
    scene.later(seconds=600).then()


def test_rollout_is_over_when_all_watches_are() -> None:
    scene = succeed(begun(settings(watch_seconds=60)), US, watching=True)
    succeed(scene, EU, AP, watching=True).then_types(e.RegionFinished)
    assert not scene.aggregate.finished(scene.state)
    for region in (AP, US):
        scene.when(scenes.end_watch(scene, region)).then_types(e.WatchOver)
    scene.when(scenes.end_watch(scene, EU)).then_types(e.WatchOver, e.RolloutFinished)
    assert outcome(scene) == ("success", "")
    scene.check_restored()


def test_rollback_goes_everywhere_at_once_with_its_own_release_for_each_region() -> None:
    scene = begun(
        settings(bake=Bake(time_seconds=60)),
        kind="rollback",
        release=OLD,
        releases={EU: scenes.release("r0")},
    )
    assert placed(scene) == {US: "r1", EU: "r0", AP: "r1"}
    assert scene.one(e.WaveStarted).rollback
    succeed(scene, US, AP, EU)
    assert outcome(scene) == ("success", "")


def test_rollback_that_fails_somewhere_goes_on_elsewhere_and_says_where() -> None:
    scene = begun(kind="rollback", release=OLD)
    scene.when(finish(scene, EU, "error", code="target-lost", detail="no answer")).then_types(e.RegionFinished)
    succeed(scene, US, AP)
    assert scene.one(e.RolloutFinished).detail == "eu-west: no answer"
    assert outcome(scene) == ("error", "target-lost")


@pytest.mark.parametrize("kind", ["deploy", "rollback"])
def test_reason_for_an_override_goes_with_every_wave(kind: c.Kind) -> None:
    assert begun(kind=kind, override_reason="fire").one(e.WaveStarted).override_reason == "fire"


def test_unknown_rollout_refuses() -> None:
    given(ROLLOUT, ID).rejects(c.PauseRollout(by="bob"), "rollout-unknown")
