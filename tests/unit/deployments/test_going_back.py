"""What takes a deployment back, and that it ends wholly on one release or says that it could not."""

from datetime import timedelta
from typing import Any

import pytest

from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.target_state import TargetStatus
from core.environments.settings import BlueGreen, Canary, CanaryStep, Probe, ProcessTarget, Rolling
from tests.support.given import Scene
from tests.unit.deployments.scenes import (
    CANARY,
    EPOCH,
    ID,
    NEW,
    OLD,
    actions,
    admitted,
    failed,
    health,
    obey,
    obey_all,
    reached,
    settings,
    start,
    status,
    waiting,
    weights,
)

# An answer may take 60 s + start 30 s + drain 10 s + stop 10 s on the target of the scenes.
ANSWER = 110


@pytest.fixture
def held() -> Scene:
    return obey(admitted(settings(strategy=CANARY)))


def test_version_that_never_gets_ready_goes_back_without_having_had_a_request() -> None:
    scene = admitted(settings(strategy=CANARY))
    scene.when(failed(scene)).then_types(e.ActionFailed, e.RollbackTriggered, e.ActionRequested)
    breach = scene.one(e.RollbackTriggered)
    assert (breach.code, breach.quarantine) == ("not-ready", True)
    assert breach.detail == "step 'canary 5%': 1 of 4 is not ready"
    obey(scene)
    assert not any(NEW.id in event.weights for event in scene.events if isinstance(event, e.TrafficShifted))
    assert scene.one(e.DeploymentFinished).outcome == "rolled_back"


@pytest.mark.parametrize(
    ("code", "blamed"),
    [
        ("not-ready", True),
        ("crashed", True),
        ("artifact-unavailable", False),
        ("target-unavailable", False),
        ("bad-target", False),
    ],
)
def test_refusal_of_the_target_goes_back_with_its_reason(held: Scene, code: str, blamed: bool) -> None:
    held.later(seconds=60).when(failed(held, code=code))
    breach = held.one(e.RollbackTriggered)
    assert (breach.code, breach.quarantine) == (code, blamed)
    assert weights(held) == {OLD.id: 100}


def test_version_that_crashes_after_ten_seconds_goes_back_at_once(held: Scene) -> None:
    held.later(seconds=10)
    crash = {"running": 0, "ready": 0, "restarts": 1, "detail": "exit code 3"}
    held.when(health(held, {NEW.id: crash})).then_types(e.HealthReported, e.RollbackTriggered, e.ActionRequested)
    breach = held.one(e.RollbackTriggered)
    assert (breach.code, breach.quarantine) == ("crashed", True)
    assert breach.detail == "1 instances of 2-new ended by themselves: exit code 3"
    obey(held)
    assert held.state.outcome == "rolled_back"


def test_crash_between_readiness_and_its_report_is_seen(held: Scene) -> None:
    held.later(seconds=60)
    shown = status(held.state.wish, {NEW.id: {"restarts": 1}})
    held.when(reached(held, status=shown))
    assert held.one(e.RollbackTriggered).code == "crashed"


def test_old_instances_that_crash_are_not_the_new_releases_fault(held: Scene) -> None:
    held.when(health(held, {OLD.id: {"ready": 1, "restarts": 4}})).then_types(e.HealthReported)


def test_same_release_again_is_not_blamed_for_restarts_of_before() -> None:
    scene = admitted(settings(watch_seconds=60), current=NEW, previous=OLD)
    before = {NEW.id: {"restarts": 5}}
    scene.when(reached(scene, status=status(scene.state.wish, before)))
    assert scene.state.status == "watching"
    scene.when(health(scene, {NEW.id: {"restarts": 6}}))
    assert scene.one(e.RollbackTriggered).code == "crashed"


def test_instance_that_is_not_ready_has_a_moment_to_recover(held: Scene) -> None:
    held.when(health(held, {NEW.id: {"ready": 0}})).then_types(e.HealthReported)
    assert held.one(e.HealthReported).recover_by == held.now + timedelta(seconds=3)
    held.later(seconds=2)
    held.when(health(held)).then_types(e.HealthReported)
    held.later(seconds=30)
    assert held.state.status == "holding"
    held.check_restored()


def test_instance_that_does_not_recover_takes_it_back(held: Scene) -> None:
    held.when(health(held, {NEW.id: {"ready": 0, "detail": "503"}}))
    held.later(seconds=1).when(health(held, {NEW.id: {"ready": 0, "detail": "timeout"}}))
    held.later(seconds=2)
    breach = held.one(e.RollbackTriggered)
    assert (breach.code, breach.detail) == ("unhealthy", "0 of 1 instances of 2-new are ready (timeout)")


def test_step_does_not_end_while_an_instance_is_not_ready(held: Scene) -> None:
    held.later(seconds=59).when(health(held, {NEW.id: {"ready": 0}}))
    held.later(seconds=1).then()
    held.when(health(held))
    held.later(seconds=2)
    assert len(actions(held)) == 1


def test_step_that_is_reached_one_short_is_held_until_it_recovers() -> None:
    scene = admitted(settings(strategy=Rolling()))
    scene.when(reached(scene, status=status(scene.state.wish, {NEW.id: {"ready": 0}})))
    scene.then_types(e.StepReached, e.TrafficShifted, e.HealthReported)
    scene.when(health(scene)).later(seconds=3)
    assert len(actions(scene)) == 1
    scene.check_restored()


def test_instances_that_start_are_not_missing(held: Scene) -> None:
    held.later(seconds=60)
    starting = {OLD.id: {"weight": 95}, NEW.id: {"running": 2, "ready": 1, "weight": 5}}
    held.when(health(held, starting)).then_types(e.HealthReported)
    assert held.one(e.HealthReported).recover_by is None


def test_same_report_again_is_not_worth_an_event(held: Scene) -> None:
    held.when(health(held)).then()
    held.rejects(health(held).__class__(epoch=EPOCH - 1, status=TargetStatus(), at=held.now), "stale-epoch")


def test_target_that_is_gone_takes_it_back_without_blaming_the_release(held: Scene) -> None:
    held.when(health(held, lost=True, detail="the proxy does not answer"))
    breach = held.one(e.RollbackTriggered)
    assert (breach.code, breach.detail, breach.quarantine) == ("target-lost", "the proxy does not answer", False)


def test_traffic_is_on_record_as_soon_as_it_is_shifted(held: Scene) -> None:
    held.later(seconds=60)
    held.when(health(held, {NEW.id: {"running": 1}})).then_types(e.HealthReported, e.TrafficShifted)
    obey(held).then_types(e.StepReached)


def test_deployer_that_does_not_answer_counts_as_lost(held: Scene) -> None:
    held.later(seconds=60)
    assert actions(held.later(seconds=ANSWER - 1)) == []
    held.later(seconds=1).then_types(e.ActionFailed, e.RollbackTriggered, e.ActionRequested)
    assert held.one(e.RollbackTriggered).code == "target-lost"
    assert "eu-west" in held.one(e.ActionFailed).detail


def test_answer_nobody_could_hear_is_asked_for_again(held: Scene) -> None:
    held.later(seconds=60)
    held.later(seconds=ANSWER + 61)
    (again,) = actions(held)
    assert (again.step, again.action) == (1, 3)
    assert held.state.status == "acting"
    obey(held)


def test_way_back_is_asked_for_under_new_numbers_until_the_target_answers(held: Scene) -> None:
    held.when(c.AbortDeployment(by="ann"))
    numbers = [held.state.action]
    for _ in range(3):
        held.later(seconds=ANSWER)
        (again,) = actions(held)
        assert again.wish.sets[0].release == OLD
        numbers.append(again.action)
    assert numbers == [2, 3, 4, 5]
    held.when(reached(held, action=2)).then()
    obey(held)
    assert held.state.outcome == "aborted"
    held.check_restored()


def test_way_back_that_is_refused_is_tried_again_after_a_pause(held: Scene) -> None:
    held.when(c.AbortDeployment(by="ann"))
    held.when(failed(held, "target-unavailable", "docker does not run")).then_types(e.ActionFailed)
    assert actions(held.later(seconds=4)) == []
    assert len(actions(held.later(seconds=1))) == 1
    assert obey(held).one(e.DeploymentFinished).now_on == OLD


def test_way_back_that_never_works_ends_as_an_error_that_says_so() -> None:
    scene = obey(admitted(settings(strategy=CANARY, deadline_seconds=100)))
    scene.when(c.AbortDeployment(by="ann", reason="looks bad"))
    give_up = scene.one(e.RollbackTriggered).give_up_at
    assert give_up == scene.now + timedelta(seconds=600)
    while scene.state.status == "rolling_back":
        assert scene.now <= give_up
        scene.later(seconds=10)
    ended = scene.one(e.DeploymentFinished)
    assert (ended.outcome, ended.code, ended.now_on, ended.rollback_to) == ("error", "target-lost", None, OLD)
    assert "looks bad" in ended.detail
    assert scene.aggregate.deadline(scene.state) is None


def test_lock_is_renewed_on_the_way_back_and_losing_it_ends_that(held: Scene) -> None:
    held.when(c.AbortDeployment(by="ann"))
    assert held.later(seconds=100).all_told(e.LockRenewalRequested)
    held.when(c.LoseLock(epoch=EPOCH))
    assert held.one(e.DeploymentFinished).code == "lock-lost"


def test_first_release_that_fails_leaves_nothing_behind() -> None:
    scene = admitted(current=None, previous=None)
    scene.when(failed(scene))
    assert scene.state.wish.sets == ()
    ended = obey(scene).one(e.DeploymentFinished)
    assert (ended.outcome, ended.now_on, ended.rollback_to) == ("rolled_back", None, None)


def test_abort_says_who_and_is_a_rollback(held: Scene) -> None:
    held.when(c.AbortDeployment(by="ann", reason="wrong branch"))
    breach = held.one(e.RollbackTriggered)
    assert (breach.code, breach.by, breach.detail) == ("aborted", "ann", "aborted by ann: wrong branch")
    held.when(c.AbortDeployment(by="bob")).then()
    ended = obey(held).one(e.DeploymentFinished)
    assert (ended.outcome, ended.code) == ("aborted", "aborted")


def test_abort_during_an_action_does_not_wait_for_it() -> None:
    scene = admitted(settings(strategy=CANARY))
    first = reached(scene)
    scene.when(c.AbortDeployment(by="ann"))
    assert [each.action for each in actions(scene)] == [2]
    scene.when(first).then()
    obey(scene)
    assert scene.state.outcome == "aborted"


def test_blue_green_goes_back_to_the_set_it_kept() -> None:
    scene = obey_all(admitted(settings(strategy=BlueGreen(keep_old_seconds=60))))
    scene.when(c.AbortDeployment(by="ann"))
    (back,) = actions(scene)
    assert [(each.name, each.replicas, each.weight) for each in back.wish.sets] == [(OLD.id, 4, 100)]


SMOKE = Probe("smoke", "/", when=("before", "after"))


@pytest.mark.parametrize(
    ("results", "detail"),
    [
        ((c.ProbeResult("smoke", False, detail="expected 200, got 502"),), "failed: expected 200, got 502"),
        ((c.ProbeResult("smoke", True), c.ProbeResult("smoke", False, detail="no answer")), "failed: no answer"),
        ((), "was not done"),
        ((c.ProbeResult("other", True),), "was not done"),
    ],
)
def test_probe_that_fails_before_the_switch_means_no_switch(results: tuple[Any, ...], detail: str) -> None:
    scene = admitted(settings(strategy=BlueGreen(), probes=(SMOKE,)))
    assert scene.one(e.ActionRequested).probes == (SMOKE,)
    scene.when(reached(scene, probes=results))
    breach = scene.one(e.RollbackTriggered)
    assert (breach.code, breach.quarantine) == ("probe-failed", True)
    assert detail in breach.detail
    assert not any(NEW.id in event.weights for event in scene.events if isinstance(event, e.TrafficShifted))


def test_probe_that_fails_after_the_switch_takes_it_back() -> None:
    scene = obey(admitted(settings(strategy=BlueGreen(), probes=(SMOKE,))))
    scene.when(reached(scene, probes=(c.ProbeResult("smoke", False, detail="500"),)))
    assert scene.one(e.RollbackTriggered).detail == "step 'switch': probe 'smoke' failed: 500"
    assert weights(scene) == {OLD.id: 100}


def watching() -> Scene:
    return obey_all(admitted(settings(strategy=Rolling(), watch_seconds=60)))


def test_crash_in_the_watch_starts_the_rollouts_rollback() -> None:
    scene = watching()
    scene.when(health(scene, {NEW.id: {"restarts": 1}}))
    scene.then_types(e.HealthReported, e.RollbackTriggered, e.WatchEnded)
    assert scene.one(e.WatchEnded).code == "crashed"
    assert scene.aggregate.finished(scene.state)


def test_instance_that_does_not_recover_in_the_watch_is_a_breach() -> None:
    scene = watching()
    scene.when(health(scene, {NEW.id: {"ready": 3}})).later(seconds=3)
    assert scene.one(e.WatchEnded).code == "unhealthy"


def test_target_that_obeys_another_deployment_ends_watch_and_work(held: Scene) -> None:
    scene = watching()
    newer = TargetStatus(EPOCH + 1)
    scene.when(c.ReportHealth(epoch=EPOCH, status=newer, at=scene.now)).then_types(e.WatchEnded)
    assert scene.one(e.WatchEnded).reason == "superseded"
    held.when(c.ReportHealth(epoch=EPOCH, status=newer, at=held.now)).then_types(e.DeploymentFinished)
    assert held.one(e.DeploymentFinished).code == "lock-lost"


def test_nobody_acts_for_a_deployment_that_waits() -> None:
    scene = waiting()
    scene.rejects(c.ReportHealth(epoch=1, status=TargetStatus(), at=scene.now), "deployment-waiting")
    scene.rejects(c.RecordSample(epoch=1, number=1, at=scene.now), "deployment-waiting")


def test_regions_own_target_is_what_is_asked_for() -> None:
    own = ProcessTarget(command="serve", replicas=2)
    scene = admitted(settings(strategy=Canary(steps=(CanaryStep(50, 60), CanaryStep(100))), targets={"eu-west": own}))
    assert scene.one(e.ActionRequested).target == own
    assert [each.replicas for each in scene.state.wish.sets] == [2, 1]
    assert start().region == "eu-west"
    assert scene.identity == ID
