"""Freezes and deployment windows: who waits for them, until when, and who goes through."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.environments import commands as c
from core.environments import events as e
from core.environments.settings import Window
from core.environments.windows import closed, ends_at
from tests.support.given import START, Scene
from tests.unit.environments.scenes import empty, enter, leave, rollback, running, waiting

WEEKEND = Window("0 18 * * FRI", 62 * 3600, "Europe/Berlin")
OFFICE = Window("0 9 * * MON-FRI", 8 * 3600, "Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(text: str) -> Scene:
    scene = empty()
    scene.now = at(text)
    return scene


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-01-09T16:59:59", None),
        ("2026-01-09T17:00:00", "2026-01-12T07:00:00"),
        ("2026-01-10T12:00:00", "2026-01-12T07:00:00"),
        ("2026-01-12T06:59:59", "2026-01-12T07:00:00"),
        ("2026-01-12T07:00:00", None),
        ("2026-07-10T15:59:00", None),
        ("2026-07-10T16:00:00", "2026-07-13T06:00:00"),
    ],
)
def test_window_is_where_its_time_zone_says(now: str, end: str | None) -> None:
    assert ends_at(WEEKEND, at(now)) == (at(end) if end else None)


def test_windows_that_touch_are_one() -> None:
    hourly = Window("0 * 1 1 *", 3600)
    assert ends_at(hourly, at("2026-01-01T00:30:00")) == at("2026-01-02T00:00:00")


def test_freeze_without_end_is_looked_at_again_later() -> None:
    always = closed((Window("* * * * *", 3600),), (), START)
    assert always is not None
    assert always.opens_at is not None
    assert always.opens_at > START + timedelta(hours=2)


def test_windows_that_never_come_say_so() -> None:
    never = closed((), (Window("0 0 30 2 *", 3600),), START)
    assert never is not None
    assert never.opens_at is None
    assert "none of which comes again" in never.reason


def test_first_time_that_is_in_a_window_and_in_no_freeze_is_found() -> None:
    # Saturday: the freeze ends on Monday at 8, the office opens at 9.
    found = closed((WEEKEND,), (OFFICE,), at("2026-01-10T12:00:00"))
    assert found is not None
    assert found.opens_at == at("2026-01-12T08:00:00")
    assert found.reason == "frozen until 2026-01-12 08:00 Europe/Berlin (freeze '0 18 * * FRI')"
    evening = closed((WEEKEND,), (OFFICE,), at("2026-01-08T20:00:00"))
    assert evening is not None
    assert evening.reason == "outside its deployment windows; the next one opens 2026-01-09 09:00 Europe/Berlin"


def test_frozen_deployment_waits_visibly_and_starts_by_itself() -> None:
    scene = on("2026-01-10T12:00:00").when(enter("d1", freezes=(WEEKEND,)))
    queued = scene.one(e.DeploymentQueued)
    assert queued.opens_at == at("2026-01-12T07:00:00")
    assert queued.reason.startswith("frozen until")
    assert scene.aggregate.deadline(scene.state) == queued.opens_at
    scene.later(hours=42).then()
    scene.later(hours=1).then_types(e.LockGranted)
    assert scene.one(e.LockGranted).overridden == ""


def test_who_waits_for_a_window_holds_up_nobody() -> None:
    scene = on("2026-01-10T12:00:00").when(enter("d1", freezes=(WEEKEND,))).when(enter("d2"))
    assert scene.one(e.LockGranted).deployment_id == "d2"
    scene.when(leave("d2")).then_types(e.LockReleased)


def test_window_that_opens_while_another_holds_the_lock_changes_the_reason() -> None:
    scene = on("2026-01-12T06:58:00").when(enter("d1", freezes=(WEEKEND,))).when(enter("d2"))
    scene.later(minutes=2)
    explained = scene.one(e.WaitExplained)
    assert explained.reason == "waits for the deployment of release r1 by ann (d2)"
    assert explained.opens_at is None
    assert scene.when(leave("d2")).one(e.LockGranted).deployment_id == "d1"


def test_freeze_that_begins_while_one_waits_is_seen_when_the_lock_is_free() -> None:
    scene = on("2026-01-09T16:00:00").when(enter("d0")).when(enter("d1", freezes=(WEEKEND,)))
    scene.now = at("2026-01-09T17:10:00")
    scene.when(leave("d0")).then_types(e.LockReleased, e.WaitExplained)
    assert scene.one(e.WaitExplained).opens_at == at("2026-01-12T07:00:00")


def test_rollback_goes_through_any_freeze() -> None:
    scene = running("r1", "r2").when(c.FreezeEnvironment(by="bob", reason="audit"))
    scene.now = at("2026-01-10T12:00:00")
    assert scene.when(rollback("b1", "r1", freezes=(WEEKEND,))).one(e.LockGranted).overridden == ""


def test_freeze_by_hand_stops_all_until_it_is_lifted() -> None:
    scene = empty().when(c.FreezeEnvironment(by="bob", reason="audit")).when(enter("d1"))
    assert scene.one(e.DeploymentQueued).reason == "frozen by bob until somebody lifts it: audit"
    scene.later(days=3).then()
    scene.when(c.UnfreezeEnvironment(by="eve")).then_types(e.EnvironmentUnfrozen, e.LockGranted)
    scene.when(c.UnfreezeEnvironment(by="eve")).then()


def test_freeze_by_hand_ends_at_its_time() -> None:
    until = START + timedelta(hours=2)
    scene = empty().when(c.FreezeEnvironment(by="bob", reason="audit", until=until)).when(enter("d1"))
    assert scene.one(e.DeploymentQueued).opens_at == until
    scene.later(hours=2).then_types(e.EnvironmentUnfrozen, e.LockGranted)
    assert scene.told[0] == e.EnvironmentUnfrozen()


def test_freeze_by_hand_that_ends_within_a_recurring_one() -> None:
    scene = on("2026-01-10T12:00:00")
    scene.when(c.FreezeEnvironment(by="bob", reason="audit", until=at("2026-01-11T00:00:00")))
    scene.when(enter("d1", freezes=(WEEKEND,)))
    assert scene.one(e.DeploymentQueued).opens_at == at("2026-01-12T07:00:00")
    scene.later(hours=12).then_types(e.EnvironmentUnfrozen, e.WaitExplained)
    assert "freeze '0 18" in scene.one(e.WaitExplained).reason


def test_new_freeze_replaces_the_old_one() -> None:
    scene = empty().when(c.FreezeEnvironment(by="bob", reason="audit", until=START + timedelta(hours=1)))
    scene.when(c.FreezeEnvironment(by="eve", reason="party")).when(enter("d1"))
    assert "eve" in scene.one(e.DeploymentQueued).reason
    scene.later(hours=2).then()
    assert waiting(scene) == ["d1"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (c.FreezeEnvironment(by="bob", reason=" "), "reason-missing"),
        (c.FreezeEnvironment(by="bob", reason="x", until=START), "until-past"),
        (c.OverrideFreeze(deployment_id="d1", by="bob", reason=""), "reason-missing"),
        (c.OverrideFreeze(deployment_id="d1", by="bob", reason="fire"), "deployment-not-waiting"),
    ],
)
def test_freezes_and_overrides_that_are_refused(command: Any, code: str) -> None:
    empty().rejects(command, code)


def test_override_with_a_reason_goes_through_on_record() -> None:
    scene = on("2026-01-10T12:00:00").when(enter("d1", freezes=(WEEKEND,)))
    scene.when(c.OverrideFreeze(deployment_id="d1", by="bob", reason=" security hole "))
    scene.then_types(e.FreezeOverridden, e.LockGranted)
    assert scene.told[0] == e.FreezeOverridden(deployment_id="d1", by="bob", reason="security hole")
    assert scene.one(e.LockGranted).overridden == "security hole"


def test_override_that_comes_with_the_deployment_is_on_record_only_where_it_was_needed() -> None:
    asked: dict[str, Any] = {"freezes": (WEEKEND,), "override_reason": "security hole"}
    on("2026-01-08T12:00:00").when(enter("d1", **asked)).then_types(e.LockGranted)
    scene = on("2026-01-10T12:00:00").when(enter("d1", **asked)).then_types(e.FreezeOverridden, e.LockGranted)
    assert scene.told[0] == e.FreezeOverridden(deployment_id="d1", by="ann", reason="security hole")
    assert scene.one(e.LockGranted).overridden == "security hole"


def test_override_waits_for_the_lock_like_all_others() -> None:
    scene = on("2026-01-10T12:00:00").when(enter("d1")).when(enter("d2", freezes=(WEEKEND,)))
    scene.when(c.OverrideFreeze(deployment_id="d2", by="bob", reason="fire"))
    scene.then_types(e.FreezeOverridden, e.WaitExplained)
    granted = scene.when(leave("d1")).one(e.LockGranted)
    assert (granted.deployment_id, granted.overridden) == ("d2", "fire")
    scene.check_restored()
