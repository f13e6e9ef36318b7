"""Rows of environments, rollouts and deployments: the same in batches of any size, and what each event changes."""

from typing import Any

import pytest

from core.environments.events import (
    DeploymentLeft,
    EnvironmentUnfrozen,
    FreezeOverridden,
    LockGranted,
    LockReleased,
    QuarantineLifted,
    WaitExplained,
)
from core.rollouts.events import RolloutHalted, RolloutPaused, RolloutResumed
from infra.memory.reader import MemoryLogReader
from infra.memory.views import MemoryViews, MemoryViewStore
from projections.projector import Projector, partitions_of
from tests.support.delivery_history import APP, HOUR, PRODUCTION, DeliveryHistory, full_delivery, release
from tests.support.household import TOPOLOGY

Row = dict[str, Any]
EU = f"environment/{APP}/production/eu-west"


def views_of(told: DeliveryHistory, max_batch: int = 5000) -> MemoryViews:
    views = MemoryViews()
    reader = MemoryLogReader(told.history.log, "projector")
    projector = Projector(reader, lambda: MemoryViewStore(views), partitions_of(TOPOLOGY), max_batch=max_batch)
    while projector.run_once(0):
        pass
    assert not views.halted
    return views


def one(views: MemoryViews, table: str, *key: Any) -> Row:
    return views.tables[table][key]


def rollout_row(told: DeliveryHistory, number: int) -> Row:
    return one(views_of(told), "rollouts", told.rollouts[number - 1])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_batches_of_any_size_give_the_same_rows(size: int) -> None:
    assert views_of(full_delivery(), size).tables == views_of(full_delivery()).tables


def test_place_has_the_release_that_came_last_and_remembers_the_others() -> None:
    views = views_of(full_delivery())
    assert one(views, "places", APP, "production", "us-east")["release_id"] == release(2).id
    earlier = [row["release_id"] for row in views.tables["place_releases"].values() if row["region"] == "us-east"]
    assert earlier == [release(1).id, release(2).id]


def test_lock_that_was_given_back_is_held_by_nobody() -> None:
    entries = views_of(full_delivery()).tables["place_entries"].values()
    assert {row["state"] for row in entries} == {"released", "queued"}
    (waiting,) = (row for row in entries if row["state"] == "queued")
    assert (waiting["by"], waiting["reason"]) == ("ada", "the environment is frozen: holidays")


def test_waiting_deployment_goes_through_a_freeze_on_record() -> None:
    told = full_delivery()
    (deployment,) = (
        row["deployment_id"] for row in views_of(told).tables["place_entries"].values() if row["state"] == "queued"
    )
    entry = {"deployment_id": deployment, "rollout_id": told.rollouts[-1], "release": release(1)}
    told.history.tell(
        EU,
        WaitExplained(deployment_id=deployment, reason="the window opens", opens_at=HOUR),
        FreezeOverridden(deployment_id=deployment, by="eve", reason="the shop is down"),
        LockGranted(epoch=3, expires_at=HOUR, overridden="the shop is down", **entry),
    )
    row = one(views_of(told), "place_entries", APP, "production", "eu-west", deployment)
    assert (row["state"], row["override_by"], row["override_reason"]) == ("holding", "eve", "the shop is down")
    assert (row["reason"], row["opens_at"], row["epoch"]) == ("", None, 3)
    told.history.tell(EU, LockReleased(deployment_id=deployment, expired=True))
    assert one(views_of(told), "place_entries", APP, "production", "eu-west", deployment)["state"] == "expired"


def test_deployment_that_leaves_the_queue_waits_no_longer() -> None:
    told = full_delivery()
    entries = views_of(told).tables["place_entries"].values()
    (deployment,) = (row["deployment_id"] for row in entries if row["state"] == "queued")
    told.history.tell(EU, DeploymentLeft(deployment_id=deployment))
    row = one(views_of(told), "place_entries", APP, "production", "eu-west", deployment)
    assert (row["state"], row["reason"]) == ("left", "")


def test_freeze_and_quarantine_are_there_until_lifted() -> None:
    told = full_delivery()
    views = views_of(told)
    assert one(views, "places", APP, "production", "eu-west")["frozen_by"] == "eve"
    kept_out = one(views, "quarantine", APP, "production", "us-east", release(3).id)
    assert kept_out["reason"] == "error-rate was 0.05"
    told.history.tell(EU, EnvironmentUnfrozen(by="eve"))
    told.history.tell(f"environment/{APP}/production/us-east", QuarantineLifted(release_id=release(3).id, by="eve"))
    views = views_of(told)
    assert one(views, "places", APP, "production", "eu-west")["frozen_at"] is None
    assert views.tables["quarantine"] == {}


def test_rollout_says_how_far_it_is() -> None:
    told = full_delivery()
    states = [rollout_row(told, number)["state"] for number in range(1, 6)]
    assert states == ["finished", "finished", "finished", "waiting_approval", "deploying"]
    assert [rollout_row(told, number)["outcome"] for number in range(1, 4)] == ["success", "success", "rolled_back"]
    assert rollout_row(told, 2)["wave"] == 1


def test_halt_and_pause_are_over_when_it_goes_on() -> None:
    told = full_delivery()
    stream = f"rollout/{told.rollouts[-1]}"
    told.history.tell(stream, RolloutHalted(code="not-ready", detail="no"), RolloutPaused(by="ada", reason="why"))
    row = rollout_row(told, 5)
    assert (row["halted_code"], row["paused_by"], row["state"]) == ("not-ready", "ada", "deploying")
    told.history.tell(stream, RolloutResumed(by="ada"))
    row = rollout_row(told, 5)
    assert (row["halted_at"], row["halted_code"], row["paused_at"], row["paused_by"]) == (None, "", None, "")


def test_breach_names_check_value_and_sample() -> None:
    views = views_of(full_delivery())
    (row,) = (row for row in views.tables["deployments"].values() if row["rollback_at"] is not None)
    assert (row["rollback_check"], row["rollback_value"], row["rollback_sample"]) == ("error-rate", 0.05, 2)
    assert (row["state"], row["outcome"], row["code"]) == ("finished", "rolled_back", "analysis-failed")


def test_every_sample_and_every_answer_has_a_row() -> None:
    views = views_of(full_delivery())
    assert len(views.tables["samples"]) == 7
    assert len(views.tables["measurements"]) == 14
    assert all(row["recorded_at"] is not None for row in views.tables["samples"].values())


def test_environments_that_an_app_drops_are_gone() -> None:
    told = full_delivery()
    told.declare(PRODUCTION)
    entries = one(views_of(told), "app_environments", APP)["entries"]
    assert '"staging"' not in entries
    assert '"production"' in entries
