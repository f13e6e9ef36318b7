"""The lock: one owner at a time, a queue, and what becomes of an owner that says nothing any more."""

from datetime import timedelta

from core.environments import commands as c
from core.environments import events as e
from tests.support.given import START
from tests.unit.environments.scenes import empty, enter, leave, note, release, renew, rollback, running, waiting


def test_first_deployment_has_the_lock_at_once() -> None:
    granted = empty().when(enter("d1")).one(e.LockGranted)
    assert (granted.deployment_id, granted.epoch, granted.by) == ("d1", 1, "ann")
    assert granted.expires_at == START + timedelta(seconds=300)
    assert (granted.current, granted.previous, granted.replaces) == (None, None, "")


def test_second_deployment_waits_and_is_told_for_whom() -> None:
    scene = empty().when(enter("d1")).when(enter("d2", "r2"))
    assert scene.one(e.DeploymentQueued).reason == "waits for the deployment of release r1 by ann (d1)"
    assert scene.when(enter("d3", "r3")).one(e.DeploymentQueued).reason.endswith("(d1), behind 1 other")
    assert scene.when(enter("d4", "r4")).one(e.DeploymentQueued).reason.endswith("(d1), behind 2 others")


def test_lock_goes_to_those_who_wait_in_their_order_with_growing_epochs() -> None:
    scene = empty().when(enter("d1")).when(enter("d2")).when(enter("d3"))
    scene.when(leave("d1")).then_types(e.LockReleased, e.LockGranted, e.WaitExplained)
    assert (scene.one(e.LockGranted).deployment_id, scene.one(e.LockGranted).epoch) == ("d2", 2)
    assert "(d2)" in scene.one(e.WaitExplained).reason
    granted = scene.when(leave("d2")).one(e.LockGranted)
    assert (granted.deployment_id, granted.epoch) == ("d3", 3)
    scene.when(leave("d3")).then(e.LockReleased(deployment_id="d3", epoch=3))


def test_repetitions_change_nothing() -> None:
    scene = empty().when(enter("d1")).when(enter("d1")).then()
    scene.when(enter("d2")).when(enter("d2")).then()
    scene.when(leave("nobody")).then()
    scene.when(leave("d2")).then(e.DeploymentLeft(deployment_id="d2"))
    scene.when(leave("d2")).then()


def test_owner_that_renews_keeps_the_lock() -> None:
    scene = empty().when(enter("d1"))
    for _ in range(5):
        scene.later(seconds=290).then()
        assert scene.when(renew("d1", 1)).one(e.LockRenewed).expires_at == scene.now + timedelta(seconds=300)


def test_only_the_owner_renews_and_only_in_its_epoch() -> None:
    scene = empty().when(enter("d1")).when(enter("d2"))
    assert "deployment d1 does" in scene.rejects(renew("d2", 1), "lock-not-held")
    scene.rejects(renew("d1", 7), "lock-not-held")
    scene.when(leave("d1")).when(leave("d2"))
    assert "nobody does" in scene.rejects(renew("d1", 1), "lock-not-held")


def test_silent_owner_loses_the_lock_after_its_time() -> None:
    scene = empty().when(enter("d1")).when(enter("d2")).later(seconds=299).then()
    scene.later(seconds=1)
    assert scene.told[0] == e.LockReleased(deployment_id="d1", epoch=1, expired=True)
    assert scene.one(e.LockGranted).deployment_id == "d2"
    scene.rejects(renew("d1", 1), "lock-not-held")
    scene.rejects(note("d1", "r1"), "lock-not-held")


def test_word_about_the_release_that_comes_after_the_lock_has_run_out_counts_while_nobody_has_it() -> None:
    scene = empty().when(enter("d1")).later(seconds=300)
    scene.when(note("d1", "r1")).then_types(e.ReleaseChanged)
    scene.rejects(renew("d1", 1), "lock-not-held")
    scene.when(enter("d2", "r2")).when(leave("d2"))
    scene.rejects(note("d1", "r1"), "lock-not-held")
    scene.check_restored()


def test_expiry_found_late_means_nobody_listened_and_is_put_off_once() -> None:
    scene = empty().when(enter("d1")).when(enter("d2"))
    scene.later(seconds=311)
    assert scene.one(e.LockRenewed) == e.LockRenewed(
        deployment_id="d1", expires_at=scene.now + timedelta(seconds=300), extended=True
    )
    scene.later(seconds=900)
    assert scene.one(e.LockReleased).expired


def test_word_of_the_owner_after_a_late_expiry_counts_as_ever() -> None:
    scene = empty().when(enter("d1")).later(seconds=400)
    scene.when(renew("d1", 1)).later(seconds=400)
    assert scene.one(e.LockRenewed).extended


def test_expiry_a_few_seconds_late_is_an_expiry() -> None:
    scene = empty().when(enter("d1")).later(seconds=310)
    assert scene.one(e.LockReleased).expired


def test_rollback_goes_before_all_that_wait_in_the_order_of_rollbacks() -> None:
    scene = running("r1", "r2").when(enter("d3", "r3", automatic=True)).when(enter("d4", "r4"))
    scene.when(rollback("b1", "r1", automatic=True))
    assert scene.one(e.DeploymentQueued).reason.endswith("(d3)")
    assert scene.one(e.WaitExplained).deployment_id == "d4"
    scene.when(rollback("b2", "r1", automatic=True))
    assert waiting(scene) == ["b1", "b2", "d4"]


def test_rollback_by_hand_asks_the_owner_to_go_back() -> None:
    scene = running("r1", "r2").when(enter("d3", "r3"))
    asked = scene.when(rollback("b1", "r1", by="bob")).one(e.PreemptionRequested)
    assert (asked.deployment_id, asked.by, asked.reason) == ("d3", "bob", "bob rolls back to release r1")
    assert not scene.when(rollback("b2", "r1", by="eve")).all_told(e.PreemptionRequested)
    assert scene.when(leave("d3")).one(e.LockGranted).deployment_id == "b1"


def test_rollback_does_not_disturb_another_rollback() -> None:
    scene = running("r1", "r2", "r3").when(rollback("b1", "r2"))
    assert not scene.when(rollback("b2", "r1")).all_told(e.PreemptionRequested)


def test_next_owner_ends_the_watch_of_what_it_replaces() -> None:
    scene = empty().when(enter("d1")).when(note("d1", "r1"))
    scene.when(leave("d1", watch_until=START + timedelta(seconds=60)))
    assert scene.when(enter("d2", "r2")).one(e.LockGranted).replaces == "d1"
    scene.when(leave("d2"))
    assert scene.when(enter("d3", "r3")).one(e.LockGranted).replaces == ""


def test_watch_that_is_over_needs_no_end() -> None:
    scene = empty().when(enter("d1")).when(leave("d1", watch_until=START + timedelta(seconds=60)))
    scene.later(seconds=61)
    assert scene.when(enter("d2", "r2")).one(e.LockGranted).replaces == ""


def test_environment_is_never_forgotten() -> None:
    scene = running("r1", "r2").later(days=400)
    assert scene.aggregate.recurs
    assert scene.aggregate.finished(scene.state)
    assert scene.when(enter("d3", "r3")).one(e.LockGranted).current == release("r2")
    scene.check_restored()


def test_lock_is_held_while_its_holder_is_overtaken_by_nothing_else() -> None:
    scene = empty().when(enter("d1"))
    scene.when(c.QuarantineRelease(release_id="r1", reason="breach", deployment_id="d1"))
    assert scene.state.holds("d1")
    scene.check_restored()
