"""What ran here: current, previous and kept releases, quarantine, and what a rollback may go back to."""

import pytest

from core.environments import commands as c
from core.environments import events as e
from tests.unit.environments.scenes import deploy, empty, enter, kept, leave, note, release, rollback, running


def previous(release_id: str, scene_told: e.ReleaseChanged) -> None:
    assert scene_told.previous is not None
    assert scene_told.previous.id == release_id


def test_release_is_current_when_its_deployment_says_so() -> None:
    scene = empty().when(enter("d1", "r1"))
    changed = scene.when(note("d1", "r1")).one(e.ReleaseChanged)
    assert (changed.release.id, changed.previous, changed.rollback) == ("r1", None, False)
    assert scene.state.current.release.id == "r1"


def test_next_deployment_learns_what_is_here_and_what_was_before() -> None:
    granted = running("r1", "r2").when(enter("d3", "r3")).one(e.LockGranted)
    assert (granted.current, granted.previous) == (release("r2"), release("r1"))


def test_only_the_owner_says_what_is_here() -> None:
    scene = running("r1").when(enter("d2", "r2"))
    scene.rejects(note("d1", "r9"), "lock-not-held")


def test_failed_deployment_leaves_no_trace_among_the_releases() -> None:
    scene = running("r1").when(enter("d2", "r2")).when(leave("d2"))
    assert kept(scene) == ["r1"]
    assert scene.when(enter("d3", "r3")).one(e.LockGranted).current == release("r1")


def test_last_twenty_releases_are_kept() -> None:
    scene = running(*(f"r{number}" for number in range(1, 26)))
    assert kept(scene) == [f"r{number}" for number in range(6, 26)]


def test_rollback_makes_what_was_before_its_target_the_previous_one() -> None:
    scene = running("r1", "r2", "r3").when(rollback("b1", "r2"))
    changed = scene.when(note("b1", "r2")).one(e.ReleaseChanged)
    assert changed.rollback
    previous("r1", changed)
    assert kept(scene) == ["r1", "r2", "r3"]


def test_what_was_rolled_back_is_never_the_previous_one() -> None:
    scene = running("r1", "r2", "r3").when(rollback("b1", "r2")).when(note("b1", "r2")).when(leave("b1"))
    scene.when(c.LiftQuarantine(release_id="r3", by="ann"))
    previous("r2", scene.when(enter("d4", "r4")).when(note("d4", "r4")).one(e.ReleaseChanged))
    scene.when(leave("d4")).when(rollback("b2", "r2")).when(note("b2", "r2"))
    assert scene.state.previous == release("r1")


def test_deployment_of_what_is_here_already_that_fails_leaves_the_release_before() -> None:
    scene = running("r1", "r2", "r3").when(enter("d4", "r3"))
    changed = scene.when(note("d4", "r2")).one(e.ReleaseChanged)
    assert changed.rollback
    previous("r1", changed)
    assert kept(scene) == ["r1", "r2", "r3"]


def test_old_release_deployed_again_is_the_newest() -> None:
    scene = running("r1", "r2", "r3")
    deploy(scene, "d4", "r1")
    assert kept(scene) == ["r2", "r3", "r1"]
    assert scene.state.previous == release("r3")


def test_rollback_quarantines_what_it_leaves() -> None:
    scene = running("r1", "r2").when(rollback("b1", "r1", by="bob"))
    quarantined = scene.one(e.ReleaseQuarantined)
    assert (quarantined.release_id, quarantined.reason) == ("r2", "rolled back to r1 by bob")


def test_rollout_that_somebody_stops_is_not_the_releases_fault() -> None:
    scene = running("r1")
    deploy(scene, "d2", "r2", "rollout-2")
    scene.when(rollback("b1", "r1", "rollout-2", by="bob", automatic=False)).then_types(e.LockGranted)


def test_rollout_that_fails_elsewhere_is_the_releases_fault_here_too() -> None:
    scene = running("r1")
    deploy(scene, "d2", "r2", "rollout-2")
    scene.when(rollback("b1", "r1", "rollout-2", automatic=True))
    assert scene.one(e.ReleaseQuarantined).release_id == "r2"


def test_quarantined_release_enters_by_hand_only() -> None:
    scene = running("r1").when(c.QuarantineRelease(release_id="r2", reason="analysis-failed: 5%"))
    refused = scene.when(enter("d2", "r2", automatic=True)).one(e.DeploymentRefused)
    assert refused.code == "release-quarantined"
    assert "analysis-failed: 5%" in refused.detail
    assert scene.when(enter("d3", "r2")).one(e.LockGranted).deployment_id == "d3"


def test_quarantined_release_may_be_gone_back_to_by_itself_while_it_is_the_current_one() -> None:
    """A rollout whose lock ran out half way has left something else there, and nobody knows what."""
    scene = running("r1").when(c.QuarantineRelease(release_id="r1", reason="errors: 5%"))
    scene.when(enter("d2", "r2", "rollout-2")).one(e.LockGranted)
    scene.later(seconds=301).one(e.LockReleased)
    scene.when(rollback("b2", "r1", "rollout-2", automatic=True)).one(e.LockGranted)
    assert "r1" in scene.state.quarantine


def test_release_quarantined_while_it_waits_is_refused() -> None:
    scene = running("r1").when(enter("d2", "r2", automatic=True))
    scene.when(enter("d3", "r2", automatic=True)).when(enter("d4", "r2"))
    scene.when(c.QuarantineRelease(release_id="r2", reason="crashed: 3 times"))
    assert [each.deployment_id for each in scene.all_told(e.DeploymentRefused)] == ["d3"]
    assert scene.when(leave("d2")).one(e.LockGranted).deployment_id == "d4"


def test_quarantine_is_lifted_by_somebody_or_by_a_deployment_by_hand_that_is_healthy() -> None:
    scene = running("r1").when(c.QuarantineRelease(release_id="r2", reason="x"))
    scene.when(c.QuarantineRelease(release_id="r2", reason="y")).then()
    scene.when(c.LiftQuarantine(release_id="r2", by="bob", reason="was the network")).then_types(e.QuarantineLifted)
    detail = scene.rejects(c.LiftQuarantine(release_id="r2", by="bob"), "release-not-quarantined")
    assert "none is" in detail
    scene.when(c.QuarantineRelease(release_id="r2", reason="x")).when(enter("d2", "r2"))
    lifted = scene.when(note("d2", "r2")).one(e.QuarantineLifted)
    assert (lifted.release_id, lifted.by) == ("r2", "ann")


def test_quarantined_release_is_no_previous_one() -> None:
    scene = running("r1", "r2", "r3").when(c.QuarantineRelease(release_id="r2", reason="x"))
    assert scene.when(enter("d4", "r4")).one(e.LockGranted).previous == release("r1")


def test_quarantine_forgets_the_oldest_of_very_many() -> None:
    scene = empty()
    for number in range(502):
        scene.when(c.QuarantineRelease(release_id=f"r{number}", reason="x"))
    assert len(scene.state.quarantine) == 500
    assert "r0" not in scene.state.quarantine
    assert "r501" in scene.state.quarantine


def test_nothing_to_roll_back_to() -> None:
    refused = empty().when(rollback("b1", "r0")).one(e.DeploymentRefused)
    assert refused.code == "nothing-to-roll-back-to"


def test_rollback_of_a_rollout_whose_place_another_has_taken_is_refused() -> None:
    scene = running("r1")
    deploy(scene, "d2", "r2", "rollout-2")
    deploy(scene, "d3", "r3", "rollout-3")
    refused = scene.when(rollback("b1", "r1", "rollout-2", automatic=True)).one(e.DeploymentRefused)
    assert refused.code == "superseded"
    assert "release r3 of rollout rollout-3" in refused.detail


def test_rollout_that_lost_its_lock_may_restore_what_was_there() -> None:
    scene = running("r1").when(enter("d2", "r2", "rollout-2")).later(seconds=300)
    assert scene.one(e.LockReleased).expired
    assert scene.when(rollback("b1", "r1", "rollout-2", automatic=True)).one(e.LockGranted).deployment_id == "b1"


def test_rollout_that_lost_its_lock_to_another_that_went_on_restores_nothing() -> None:
    scene = running("r1").when(enter("d2", "r2", "rollout-2")).when(enter("d3", "r3", "rollout-3"))
    scene.later(seconds=300).when(note("d3", "r3"))
    refused = scene.when(rollback("b1", "r1", "rollout-2", automatic=True)).one(e.DeploymentRefused)
    assert refused.code == "superseded"


def test_rollback_that_waits_while_another_rollout_takes_the_place_is_refused_then() -> None:
    scene = running("r1")
    deploy(scene, "d2", "r2", "rollout-2")
    scene.when(enter("d3", "r3", "rollout-3")).when(rollback("b1", "r1", "rollout-2", automatic=True))
    scene.when(note("d3", "r3"))
    assert scene.one(e.DeploymentRefused).code == "superseded"


def test_rollback_that_waits_while_another_rollout_fails_goes_on() -> None:
    scene = running("r1")
    deploy(scene, "d2", "r2", "rollout-2")
    scene.when(enter("d3", "r3", "rollout-3")).when(rollback("b1", "r1", "rollout-2", automatic=True))
    assert scene.when(leave("d3")).one(e.LockGranted).deployment_id == "b1"


@pytest.mark.parametrize("target", ["r1", "r0"])
def test_rollback_past_a_contract_migration_needs_a_way_down_or_a_reason(target: str) -> None:
    scene = running("r1")
    deploy(scene, "d2", "r2", release_more={"incompatible_before": True})
    deploy(scene, "d3", "r3")
    refused = scene.when(rollback("b1", target)).one(e.DeploymentRefused)
    assert refused.code == "rollback-past-migration"
    assert "release r2" in refused.detail
    assert scene.when(rollback("b2", "r2")).one(e.LockGranted).deployment_id == "b2"
    scene.when(leave("b2"))
    reason = "the migration was taken back by 'down.sh'"
    assert scene.when(rollback("b3", target, override_reason=reason)).one(e.LockGranted).deployment_id == "b3"


def test_contract_migration_that_was_taken_back_is_in_nobodys_way_any_more() -> None:
    scene = running("r1", "r2")
    deploy(scene, "d3", "r3", release_more={"incompatible_before": True})
    scene.when(rollback("b1", "r2", override_reason="went down")).when(note("b1", "r2")).when(leave("b1"))
    assert scene.when(rollback("b2", "r1")).one(e.LockGranted).deployment_id == "b2"
    scene.check_restored()
