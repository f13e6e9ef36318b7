"""A deployment goes through its steps: asked, reached, held, and over."""

from datetime import timedelta

import msgspec
import pytest

from core.deployments import commands as c
from core.deployments import events as e
from core.environments.settings import BlueGreen, Canary, CanaryStep, Recreate, Rolling
from tests.support.given import START, Scene
from tests.unit.deployments.scenes import (
    CANARY,
    EPOCH,
    NEW,
    OLD,
    OLDER,
    STATIC,
    actions,
    admit,
    admitted,
    analysed,
    failed,
    obey,
    obey_all,
    reached,
    settings,
    start,
    waiting,
    weights,
)


def test_it_waits_for_the_lock_and_begins_with_it() -> None:
    scene = waiting().then_types(e.DeploymentRequested)
    scene.when(start()).then()
    scene.when(admit()).then_types(e.DeploymentStarted, e.ActionRequested)
    started = scene.one(e.DeploymentStarted)
    assert (started.epoch, started.rollback_to, started.current) == (EPOCH, OLD, OLD)
    assert started.deadline_at == START + timedelta(seconds=3600)
    scene.when(admit()).then()
    scene.check_restored()


def test_canary_goes_from_weight_to_weight_and_removes_the_old_at_last() -> None:
    scene = admitted(settings(strategy=CANARY))
    seen = [weights(scene)]
    for _ in range(2):
        obey(scene).then_types(e.StepReached, e.TrafficShifted)
        assert actions(scene.later(seconds=59)) == []
        scene.later(seconds=1)
        seen.append(weights(scene))
    obey(scene).then_types(e.StepReached, e.TrafficShifted, e.ActionRequested)
    assert scene.one(e.TrafficShifted).weights == {NEW.id: 100}
    obey(scene).then_types(e.StepReached, e.ReleaseActivated, e.DeploymentFinished)
    assert seen == [{OLD.id: 95, NEW.id: 5}, {OLD.id: 50, NEW.id: 50}, {NEW.id: 100}]
    ended = scene.one(e.DeploymentFinished)
    assert (ended.outcome, ended.now_on, ended.rollback_to) == ("success", NEW, OLD)
    assert scene.aggregate.finished(scene.state)
    assert scene.aggregate.deadline(scene.state) is None
    scene.check_restored()


def test_recreate_stops_the_old_and_starts_the_new() -> None:
    scene = admitted(settings(strategy=Recreate()))
    assert weights(scene) == {}
    assert scene.state.wish.sets == ()
    obey(scene).then_types(e.StepReached, e.TrafficShifted, e.ActionRequested)
    assert scene.one(e.TrafficShifted).weights == {}
    assert weights(scene) == {NEW.id: 100}
    obey(scene).then_types(e.StepReached, e.TrafficShifted, e.ReleaseActivated, e.DeploymentFinished)


def test_blue_green_by_hand_switches_when_somebody_promotes() -> None:
    scene = admitted(settings(strategy=BlueGreen(keep_old_seconds=120, manual=True)))
    assert obey(scene).one(e.StepReached).hold_until is None
    scene.later(seconds=1000)
    assert actions(scene) == []
    scene.when(c.PromoteDeployment(by="ann")).then_types(e.DeploymentPromoted, e.ActionRequested)
    assert weights(scene) == {NEW.id: 100}
    assert len(scene.state.wish.sets) == 2
    obey(scene).then_types(e.StepReached, e.TrafficShifted)
    scene.later(seconds=120)
    assert [each.name for each in scene.state.wish.sets] == [NEW.id]


def test_first_deployment_has_no_canary() -> None:
    scene = obey_all(admitted(settings(strategy=CANARY), current=None, previous=None))
    assert scene.state.outcome == "success"
    assert [event.step for event in scene.events if isinstance(event, e.ActionRequested)] == [0]


def test_deploying_the_same_release_again_makes_the_target_so_once_more() -> None:
    scene = admitted(settings(strategy=CANARY), current=NEW, previous=OLDER)
    assert scene.one(e.DeploymentStarted).rollback_to == OLDER
    assert obey(scene).one(e.DeploymentFinished).outcome == "success"


def test_same_release_that_is_broken_now_gives_way_to_the_healthy_one_before_it() -> None:
    scene = admitted(current=NEW, previous=OLDER)
    scene.when(failed(scene))
    assert weights(scene) == {OLDER.id: 100}
    obey(scene).then_types(e.TrafficShifted, e.ReleaseActivated, e.DeploymentFinished)
    assert scene.one(e.ReleaseActivated).release == OLDER


def test_environment_that_refuses_ends_it() -> None:
    scene = waiting().when(c.RefuseDeployment(code="release-quarantined", detail="it failed before"))
    ended = scene.one(e.DeploymentFinished)
    assert (ended.outcome, ended.code, ended.now_on) == ("error", "release-quarantined", None)
    scene.when(admit()).then()


def test_lock_that_never_comes_is_not_waited_for_for_ever() -> None:
    scene = waiting().later(days=7)
    assert scene.one(e.DeploymentFinished).code == "lock-timeout"


def test_settings_that_no_target_could_follow_end_it_at_once() -> None:
    scene = waiting(settings(strategy=Canary(), target=STATIC)).then_types(e.DeploymentRequested, e.DeploymentFinished)
    ended = scene.one(e.DeploymentFinished)
    assert (ended.outcome, ended.code) == ("error", "strategy-unfit")
    assert "/srv/www" in ended.detail


def test_lock_is_renewed_while_it_lives() -> None:
    scene = obey(admitted(settings(strategy=Canary(steps=(CanaryStep(5), CanaryStep(100, 0))))))
    for _ in range(3):
        scene.later(seconds=100).then_types(e.LockRenewalRequested)
    assert scene.one(e.LockRenewalRequested).epoch == EPOCH


def test_plan_is_brief_and_what_is_asked_of_the_target_is_whole() -> None:
    big = msgspec.structs.replace(NEW, config={"KEY": "value" * 100})
    scene = admitted(settings(strategy=Rolling()), release=big)
    planned = [each.release for step in scene.one(e.DeploymentStarted).steps for each in step.wish.sets]
    assert {each.id for each in planned} == {OLD.id, NEW.id}
    assert not any(each.config for each in planned)
    assert {each.release.id: each.release for each in scene.state.wish.sets} == {OLD.id: OLD, NEW.id: big}
    scene.check_restored()


def test_lost_lock_ends_it_without_touching_the_target() -> None:
    scene = obey(admitted(settings(strategy=CANARY)))
    scene.when(c.LoseLock(epoch=EPOCH - 1)).then()
    ended = scene.when(c.LoseLock(epoch=EPOCH)).one(e.DeploymentFinished)
    assert (ended.outcome, ended.code, ended.now_on, ended.rollback_to) == ("error", "lock-lost", None, OLD)
    assert scene.aggregate.deadline(scene.state) is None


def test_target_that_obeys_somebody_newer_ends_it_without_a_rollback() -> None:
    scene = admitted()
    scene.when(failed(scene, code="stale-epoch")).then_types(e.DeploymentFinished)
    assert scene.one(e.DeploymentFinished).code == "lock-lost"


@pytest.fixture
def held() -> Scene:
    return obey(admitted(settings(strategy=CANARY)))


def test_pause_keeps_what_is_left_of_the_step(held: Scene) -> None:
    held.later(seconds=20)
    assert held.when(c.PauseDeployment(by="ann")).one(e.DeploymentPaused).remaining_seconds == 40
    held.when(c.PauseDeployment(by="bob")).then()
    held.later(seconds=500)
    assert actions(held) == []
    held.when(c.ResumeDeployment(by="ann")).then_types(e.DeploymentResumed)
    held.when(c.ResumeDeployment(by="ann")).then()
    held.later(seconds=39)
    assert actions(held) == []
    assert len(actions(held.later(seconds=1))) == 1
    held.check_restored()


def test_pause_on_the_way_holds_the_step_that_is_reached() -> None:
    scene = admitted(settings(strategy=Recreate())).when(c.PauseDeployment(by="ann"))
    obey(scene).then_types(e.StepReached, e.TrafficShifted)
    scene.when(c.ResumeDeployment(by="ann")).then_types(e.DeploymentResumed, e.ActionRequested)


def test_paused_before_it_begins_it_touches_nothing() -> None:
    scene = waiting().when(c.PauseDeployment(by="ann")).when(admit()).then_types(e.DeploymentStarted)
    assert scene.when(c.ResumeDeployment(by="ann")).all_told(e.ActionRequested)
    other = waiting().when(c.PauseDeployment(by="ann")).when(admit())
    ended = other.when(c.AbortDeployment(by="ann")).one(e.DeploymentFinished)
    assert (ended.outcome, ended.now_on) == ("aborted", OLD)


def test_promote_ends_the_wait_of_one_step(held: Scene) -> None:
    held.when(c.PromoteDeployment(by="ann")).then_types(e.DeploymentPromoted, e.ActionRequested)
    assert weights(held) == {OLD.id: 50, NEW.id: 50}
    assert "canary 50%" in held.rejects(c.PromoteDeployment(by="ann"), "step-not-reached")


def test_promote_all_the_way_gives_the_new_release_everything_and_waits_for_nothing() -> None:
    strategy = Canary(steps=(CanaryStep(5), CanaryStep(50), CanaryStep(100, 600)))
    scene = obey(admitted(settings(strategy=strategy)))
    scene.when(c.PromoteDeployment(by="ann", full=True))
    assert weights(scene) == {NEW.id: 100}
    assert len(scene.state.wish.sets) == 2, "the old set stands until the new one is probed with all traffic"
    assert obey_all(scene).state.outcome == "success"


def test_promoted_all_the_way_on_its_way_it_goes_on_when_the_step_is_reached() -> None:
    scene = admitted(settings(strategy=CANARY)).when(c.PromoteDeployment(by="ann", full=True))
    scene.then_types(e.DeploymentPromoted)
    obey(scene)
    assert weights(scene) == {NEW.id: 100}


def test_paused_deployment_is_not_promoted(held: Scene) -> None:
    held.when(c.PauseDeployment(by="ann"))
    held.rejects(c.PromoteDeployment(by="ann"), "deployment-paused")


def test_nobody_steers_what_waits_or_is_over(held: Scene) -> None:
    waiting().rejects(c.PromoteDeployment(by="ann"), "deployment-waiting")
    held.when(c.AbortDeployment(by="ann"))
    held.rejects(c.PromoteDeployment(by="ann"), "rolling-back")
    held.rejects(c.PauseDeployment(by="ann"), "rolling-back")
    obey_all(held)
    for command in (c.PromoteDeployment(by="a"), c.PauseDeployment(by="a"), c.AbortDeployment(by="a")):
        held.rejects(command, "deployment-finished")


def test_abort_while_it_waits_ends_it() -> None:
    ended = waiting().when(c.AbortDeployment(by="ann")).one(e.DeploymentFinished)
    assert (ended.outcome, ended.code) == ("aborted", "aborted")


def test_deadline_takes_it_back_also_when_it_is_paused(held: Scene) -> None:
    held.when(c.PauseDeployment(by="ann")).later(seconds=3600)
    assert held.one(e.RollbackTriggered).code == "deadline"
    assert not held.one(e.RollbackTriggered).quarantine
    assert weights(held) == {OLD.id: 100}


def test_echoes_change_nothing_and_what_was_never_asked_is_refused(held: Scene) -> None:
    held.when(reached(held)).then()
    held.when(reached(held, ok=False, code="crashed")).then()
    held.rejects(reached(held, action=2), "action-unknown")
    held.rejects(reached(held, epoch=EPOCH - 1), "stale-epoch")
    held.later(seconds=60)
    held.when(reached(held, action=1)).then()


def test_unknown_deployment_is_refused() -> None:
    scene = waiting()
    scene.state = scene.aggregate.initial(scene.identity)
    scene.rejects(c.PauseDeployment(by="ann"), "deployment-unknown")
    scene.rejects(admit(), "deployment-unknown")


def test_rollback_deployment_goes_at_once_and_is_neither_judged_nor_watched() -> None:
    chosen = analysed(watch_seconds=600)
    scene = admitted(chosen, kind="rollback", release=OLDER, current=NEW, previous=OLD)
    assert scene.state.wish.at_once
    assert weights(scene) == {OLDER.id: 100}
    scene.rejects(c.PauseDeployment(by="ann"), "rollback-running")
    obey(scene).then_types(e.StepReached, e.TrafficShifted, e.ReleaseActivated, e.DeploymentFinished)
    assert scene.one(e.DeploymentFinished).kind == "rollback"
    assert scene.aggregate.deadline(scene.state) is None


def test_rollback_to_a_release_that_does_not_start_keeps_what_was_there() -> None:
    scene = admitted(kind="rollback", release=OLDER, current=NEW, previous=OLD)
    scene.when(failed(scene))
    assert not scene.one(e.RollbackTriggered).quarantine
    assert obey(scene).one(e.DeploymentFinished).now_on == NEW
