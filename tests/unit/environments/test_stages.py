"""Stages that deploy by their own steps, as owners of an environment's lock."""

from datetime import timedelta
from typing import Any

from core.environments import commands as c
from core.environments import events as e
from core.environments.settings import Window
from core.ids import split_stage_key, stage_key
from tests.support.given import START
from tests.unit.environments.scenes import deploy, empty, enter, leave, release, renew, rollback, running, waiting

RUN = "eu-west-0123456789abcdef"
STAGE = stage_key(RUN, "live", 2)


def enter_stage(name: str = "r2", owner: str = STAGE, **more: Any) -> c.EnterEnvironment:
    return c.EnterEnvironment(deployment_id=owner, rollout_id="", release=release(name), by="ann", **more)


def test_owner_says_which_stage_it_is() -> None:
    assert split_stage_key(STAGE) == (RUN, "live", 2)
    assert split_stage_key(RUN) is None


def test_stage_holds_the_lock_and_a_deployment_waits_behind_it() -> None:
    scene = empty().when(enter_stage())
    assert scene.one(e.LockGranted).deployment_id == STAGE
    scene.when(enter("d1"))
    expected = f"waits for stage 'live' of run {RUN} with release r2 by ann"
    assert scene.one(e.DeploymentQueued).reason == expected
    assert scene.when(leave(STAGE)).one(e.LockGranted).deployment_id == "d1"


def test_stage_waits_behind_a_deployment_and_leaves_the_queue() -> None:
    scene = empty().when(enter("d1")).when(enter_stage()).when(enter("d2", "r3"))
    assert waiting(scene) == [STAGE, "d2"]
    scene.when(leave(STAGE))
    assert (scene.one(e.DeploymentLeft).deployment_id, waiting(scene)) == (STAGE, ["d2"])
    scene.when(leave("d1"))
    assert scene.state.holds("d2")


def test_stage_waits_for_a_freeze_and_a_closed_window() -> None:
    scene = empty().when(c.FreezeEnvironment(by="bob", reason="holidays", until=START + timedelta(hours=1)))
    assert "holidays" in scene.when(enter_stage()).one(e.DeploymentQueued).reason
    assert scene.later(hours=1).one(e.LockGranted).deployment_id == STAGE
    closed = empty().when(enter_stage(windows=(Window("0 12 * * *", 3600),)))
    assert closed.one(e.DeploymentQueued).opens_at == START.replace(hour=12)


def test_release_in_quarantine_is_refused_to_a_stage_that_nobody_asked_for() -> None:
    scene = running("r1").when(c.QuarantineRelease(release_id="r2", reason="it crashed"))
    assert scene.when(enter_stage(automatic=True)).one(e.DeploymentRefused).code == "release-quarantined"
    assert scene.when(enter_stage()).one(e.LockGranted).deployment_id == STAGE


def test_stage_that_says_nothing_any_more_loses_the_lock() -> None:
    scene = empty().when(enter_stage()).later(seconds=290).when(renew(STAGE, 1))
    scene.later(seconds=299).then()
    released = scene.later(seconds=1).one(e.LockReleased)
    assert (released.deployment_id, released.expired) == (STAGE, True)
    assert "stage 'live'" in scene.rejects(renew(STAGE, 1), "lock-not-held")


def test_rollback_by_hand_goes_first_but_does_not_cut_a_script_off() -> None:
    scene = running("r1", "r2").when(enter_stage("r3")).when(enter("d8", "r4"))
    scene.when(rollback("d9", "r1")).then_types(e.DeploymentQueued, e.WaitExplained)
    assert waiting(scene) == ["d9", "d8"]
    assert scene.when(leave(STAGE)).one(e.LockGranted).deployment_id == "d9"


def test_stage_changes_nothing_of_what_the_environment_remembers() -> None:
    scene = running("r1", "r2")
    before = (scene.state.current, scene.state.kept, scene.state.visitors)
    scene.when(enter_stage("r3")).when(leave(STAGE))
    assert (scene.state.current, scene.state.kept, scene.state.visitors) == before
    deploy(scene, "d3", "r3")
    scene.check_restored()
