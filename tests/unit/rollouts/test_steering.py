"""Pause, resume and promote, by people."""

from datetime import timedelta
from typing import Any

import pytest

from core.environments.settings import Bake
from core.rollouts import commands as c
from core.rollouts import events as e
from tests.support.given import Scene
from tests.unit.rollouts import scenes
from tests.unit.rollouts.scenes import AP, EU, HOOK, US, begun, fail, finish, outcome, placed, settings, succeed

PAUSE, RESUME, PROMOTE = c.PauseRollout(by="bob", reason="look"), c.ResumeRollout(by="eve"), c.PromoteRollout(by="bob")


def steered(scene: Scene) -> tuple[str, list[str]]:
    told = scene.one(e.DeploymentsSteered)
    return told.what, [region for region, _ in told.deployments]


def test_pause_stops_what_is_under_way_and_what_would_follow() -> None:
    scene = begun().when(PAUSE).then_types(e.RolloutPaused, e.DeploymentsSteered)
    assert steered(scene) == ("pause", [US])
    scene.when(PAUSE).then()
    scene.when(finish(scene, US)).then_types(e.RegionFinished)
    scene.when(RESUME).then_types(e.RolloutResumed, e.WaveStarted)
    assert placed(scene) == {EU: "r2", AP: "r2"}


def test_resume_tells_the_deployments() -> None:
    scene = begun().when(PAUSE).when(RESUME).then_types(e.RolloutResumed, e.DeploymentsSteered)
    assert steered(scene) == ("resume", [US])
    scene.rejects(RESUME, "rollout-not-paused")


def test_paused_bake_goes_on_with_what_was_left_of_it() -> None:
    scene = succeed(begun(settings(bake=Bake(time_seconds=600))), US).later(seconds=200)
    scene.when(PAUSE).then_types(e.RolloutPaused)
    scene.later(seconds=3000).then()
    scene.when(RESUME).then_types(e.RolloutResumed, e.BakeStarted, e.BakeFinished, e.WaveStarted)
    again = succeed(begun(settings(bake=Bake(time_seconds=600))), US).later(seconds=200).when(PAUSE)
    again.later(seconds=100).when(RESUME)
    assert again.one(e.BakeStarted).until == again.now + timedelta(seconds=300)


def test_pause_while_the_hook_runs_holds_up_the_first_wave() -> None:
    scene = begun(settings(pre_deploy=HOOK)).when(PAUSE).when(scenes.hook()).then_types(e.HookFinished)
    assert placed(scene.when(RESUME)) == {US: "r2"}


def test_pause_that_nobody_ends_takes_back_what_stands_still() -> None:
    scene = begun().when(PAUSE).later(days=7)
    scene.then_types(e.RolloutAborted, e.DeploymentsSteered)
    scene.when(finish(scene, US, "aborted"))
    assert outcome(scene) == ("rolled_back", "halt-expired")


def test_promote_ends_the_step_of_all_that_are_under_way() -> None:
    scene = succeed(begun(), US).when(PROMOTE)
    assert steered(scene) == ("promote", [EU, AP])
    scene.when(finish(scene, EU)).when(c.PromoteRollout(by="bob", full=True))
    assert steered(scene) == ("promote_full", [AP])


def test_promote_of_a_halted_wave_with_nothing_under_way_is_refused() -> None:
    scene = begun(settings(on_failure="halt"))
    scene.when(fail(scene, US)).rejects(PROMOTE, "nothing-to-promote")


@pytest.mark.parametrize("command", [PAUSE, PROMOTE])
def test_what_is_only_watched_can_be_neither_paused_nor_promoted(command: Any) -> None:
    scene = succeed(begun(settings(watch_seconds=60)), US, EU, AP, watching=True)
    assert "is watching" in scene.rejects(command, "not-now")


@pytest.mark.parametrize("command", [PAUSE, PROMOTE, RESUME])
def test_what_goes_back_is_not_steered(command: Any) -> None:
    scene = succeed(begun(), US).when(c.AbortRollout(by="bob"))
    assert "goes back" in scene.rejects(command, "not-now")


@pytest.mark.parametrize("command", [PAUSE, PROMOTE, RESUME, c.AbortRollout(by="bob")])
def test_what_is_over_is_over(command: Any) -> None:
    scene = succeed(begun(), US, EU, AP)
    assert "success" in scene.rejects(command, "rollout-finished")
