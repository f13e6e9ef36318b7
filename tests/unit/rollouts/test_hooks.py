"""The pre-deploy command: once per rollout, before any instance; and the way back of a contract migration."""

from datetime import timedelta

import pytest

from core.environments.release import Release
from core.environments.settings import Hook
from core.rollouts import commands as c
from core.rollouts import events as e
from tests.support.given import START, Scene
from tests.unit.rollouts import scenes
from tests.unit.rollouts.scenes import (
    AP,
    CONTRACT,
    CONTRACTED,
    EU,
    HOOK,
    OLD,
    US,
    begun,
    fail,
    finish,
    hook,
    outcome,
    placed,
    settings,
    succeed,
)


def contracted(**more: object) -> Scene:
    """Its contract migration is done."""
    return begun(settings(pre_deploy=CONTRACT, **more), release=CONTRACTED).when(hook())


def test_command_runs_once_in_the_first_region_before_any_wave() -> None:
    scene = begun(settings(pre_deploy=HOOK)).then_types(e.RolloutRequested, e.HookRequested)
    asked = scene.one(e.HookRequested)
    assert (asked.region, asked.release.id, asked.hook.run, asked.down) == (US, "r2", "migrate up", False)
    assert asked.answer_by == START + timedelta(seconds=180)
    scene.when(hook(exit_code=0, output="ok")).then_types(e.HookFinished, e.WaveStarted)
    scene.when(hook()).then()
    succeed(scene, US, EU, AP)
    assert outcome(scene) == ("success", "")


def test_command_that_fails_ends_it_before_anything_changed() -> None:
    scene = begun(settings(pre_deploy=HOOK)).when(hook(False, exit_code=3, output="table is locked"))
    scene.then_types(e.HookFinished, e.RolloutFinished)
    assert outcome(scene) == ("error", "hook-failed")
    assert scene.one(e.RolloutFinished).detail == "the pre-deploy command failed with exit code 3: table is locked"


def test_deployer_that_says_nothing_counts_as_a_failure() -> None:
    scene = begun(settings(pre_deploy=HOOK)).later(seconds=179).then()
    scene.later(seconds=1).then_types(e.HookFinished, e.RolloutFinished)
    assert "deployer of us-east" in scene.one(e.RolloutFinished).detail
    scene.when(hook()).then()


def test_abort_waits_for_the_command_to_end() -> None:
    scene = begun(settings(pre_deploy=HOOK)).when(c.AbortRollout(by="bob")).then_types(e.RolloutAborted)
    scene.when(hook()).then_types(e.HookFinished, e.RolloutFinished)
    assert outcome(scene) == ("aborted", "aborted")


def test_expand_migration_stays_when_all_goes_back() -> None:
    scene = succeed(begun(settings(pre_deploy=HOOK)).when(hook()), US)
    assert placed(scene.when(fail(scene, EU))) == {US: "r1"}


def test_contract_migration_is_taken_back_before_anything_older_runs() -> None:
    scene = succeed(contracted(), US)
    scene.when(fail(scene, EU)).then_types(e.RegionFinished, e.RolloutAborted, e.DeploymentsSteered)
    scene.when(finish(scene, AP, "aborted")).then_types(e.RegionFinished, e.HookRequested)
    asked = scene.one(e.HookRequested)
    assert (asked.down, asked.hook.down, asked.release.id) == (True, "migrate down", "r2")
    scene.when(hook()).then()
    scene.when(hook(down=True)).then_types(e.HookFinished, e.WaveStarted)
    assert placed(scene) == {US: "r1"}
    assert scene.one(e.WaveStarted).override_reason == "the migration was taken back by 'migrate down'"
    scene.when(finish(scene, US))
    assert outcome(scene) == ("rolled_back", "analysis-failed")
    scene.check_restored()


def test_contract_migration_is_taken_back_even_if_no_region_had_finished() -> None:
    scene = contracted()
    scene.when(fail(scene, US)).then_types(e.RegionFinished, e.RolloutAborted, e.HookRequested)
    scene.when(hook(down=True))
    assert outcome(scene) == ("rolled_back", "analysis-failed")


def test_way_down_that_fails_leaves_the_regions_where_they_are() -> None:
    scene = succeed(contracted(), US)
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    scene.when(hook(False, down=True, detail="no")).then_types(e.HookFinished, e.RolloutFinished)
    assert outcome(scene) == ("error", "hook-failed")


def test_contract_migration_without_a_way_down_allows_no_way_back() -> None:
    only_up = Hook(run="migrate up", phase="contract")
    scene = succeed(begun(settings(pre_deploy=only_up), release=CONTRACTED).when(hook()), US)
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    assert outcome(scene) == ("error", "rollback-past-migration")
    assert "us-east stays on release r2" in scene.one(e.RolloutFinished).detail


def test_contract_migration_stays_while_some_region_needs_it() -> None:
    scene = succeed(contracted(), US, rollback_to=None)
    scene.when(fail(scene, EU)).when(finish(scene, AP, "aborted"))
    assert outcome(scene) == ("error", "nothing-to-roll-back-to")
    halting = succeed(contracted(on_failure="halt"), US).when(c.AbortRollout(by="bob"))
    halting.when(finish(halting, EU, "aborted")).when(finish(halting, AP, "aborted"))
    assert outcome(halting) == ("aborted", "aborted")


def test_rollback_by_hand_takes_the_migration_of_what_it_leaves_back_first() -> None:
    plan = settings(pre_deploy=CONTRACT)
    scene = begun(plan, kind="rollback", release=OLD, leaving=CONTRACTED)
    asked = scene.one(e.HookRequested)
    assert (asked.down, asked.release.id) == (True, "r2")
    scene.when(hook(down=True)).then_types(e.HookFinished, e.WaveStarted)
    assert scene.one(e.WaveStarted).override_reason == "the migration was taken back by 'migrate down'"


def test_rollback_by_hand_whose_way_down_fails_changes_nothing() -> None:
    plan = settings(pre_deploy=CONTRACT)
    scene = begun(plan, kind="rollback", release=OLD, leaving=CONTRACTED).when(hook(False, down=True))
    assert outcome(scene) == ("error", "hook-failed")


@pytest.mark.parametrize("leaving", [None, scenes.NEW])
def test_rollback_that_leaves_no_contract_migration_runs_no_command(leaving: Release | None) -> None:
    scene = begun(settings(pre_deploy=CONTRACT), kind="rollback", release=OLD, leaving=leaving)
    assert set(placed(scene)) == {US, EU, AP}
