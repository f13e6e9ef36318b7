"""Runs, app, environments and rollouts together: stages that deploy by their own steps and what else changes there."""

import pytest

from core.aggregate import Tick
from core.catalog.commands import ArchiveApp
from core.environments.commands import (
    FreezeEnvironment,
    LeaveEnvironment,
    OverrideFreeze,
    QuarantineRelease,
    UnfreezeEnvironment,
)
from core.environments.events import LockGranted, LockReleased, LockRenewed
from core.environments.settings import Window
from core.pipeline.plan import Approval
from core.runs.commands import ApproveStage, CancelRun, RerunRun
from core.runs.events import JobCancelRequested, JobQueued
from tests.support.script_stage import Shop, production, script

PLACE = "environment/shop/production/us-east"


def owner_of(run: str, round_: int = 1) -> str:
    return f"{run.removeprefix('run/')}/live/{round_}"


def test_stage_holds_the_lock_while_its_job_runs_and_gives_it_back() -> None:
    shop = Shop(production())
    run = shop.push(1)
    assert shop.owner() == owner_of(run)
    shop.accept()
    assert shop.owner() == owner_of(run)
    shop.work()
    assert (shop.owner(), shop.run(run).outcome) == ("", "success")
    assert shop.house.rejections == []


@pytest.mark.parametrize("outcome", ["failure", "error"])
def test_lock_is_given_back_whatever_the_outcome(outcome: str) -> None:
    shop = Shop(production())
    shop.push(1)
    shop.work(outcome)
    assert shop.owner() == ""


def test_second_run_waits_for_the_first_with_no_job_queued() -> None:
    shop = Shop(production())
    first, second = shop.push(1), shop.push(2)
    assert (shop.owner(), shop.waiting()) == (owner_of(first), [owner_of(second)])
    assert f"stage 'live' of run {first.removeprefix('run/')}" in shop.place().waiting[0].reason
    assert len(shop.told(JobQueued)) == 1
    shop.work()
    assert (shop.owner(), shop.run(second).stages["live"].status) == (owner_of(second), "running")
    shop.work()
    assert (shop.owner(), shop.run(second).outcome) == ("", "success")


def test_stage_waits_for_a_rollout_and_a_rollout_for_a_stage() -> None:
    shop = Shop(production())
    shop.roll_out(1)
    deployment = shop.owner()
    run = shop.push(1)
    shop.roll_out(2)
    assert shop.waiting()[0] == owner_of(run)
    assert len(shop.waiting()) == 2
    # As its deployment says when it has ended.
    shop.house.send(PLACE, LeaveEnvironment(deployment_id=deployment))
    assert shop.owner() == owner_of(run)
    second = shop.waiting()[0]
    shop.work()
    assert shop.owner() == second


def test_environment_that_is_not_declared_takes_no_lock() -> None:
    shop = Shop(production())
    run = shop.push(1, script("elsewhere"))
    shop.work()
    assert shop.run(run).outcome == "success"
    assert shop.told(LockGranted) == []


def test_archived_app_still_protects_its_environments() -> None:
    shop = Shop(production())
    run = shop.push(1, script(approval=Approval()))
    shop.house.send("app/shop", ArchiveApp())
    shop.house.send(run, ApproveStage(stage="live", by="bob"))
    assert shop.owner() == owner_of(run)


def test_region_that_the_environment_does_not_have_fails_the_stage() -> None:
    shop = Shop(production())
    run = shop.push(1, script(regions=("eu-west",)))
    assert (shop.run(run).outcome, shop.run(run).stages["live"].code) == ("failure", "region-unknown")


def test_region_that_is_not_configured_fails_the_stage_which_gives_back_what_it_has() -> None:
    shop = Shop(production(regions=("us-east", "ve-nus")))
    run = shop.push(1)
    assert shop.run(run).stages["live"].code == "region-unknown"
    assert shop.owner() == ""


def test_stages_of_two_regions_never_wait_for_each_other() -> None:
    shop = Shop(production(regions=("us-east", "eu-west")))
    first, second = shop.push(1), shop.push(2, script(regions=("us-east",)))
    assert (shop.owner("eu-west"), shop.owner("us-east")) == (owner_of(first), owner_of(first))
    third = shop.push(3)
    assert shop.waiting("eu-west") == [owner_of(third)]
    for run in (first, second, third):
        shop.work()
        assert shop.run(run).outcome == "success"
    assert (shop.owner("eu-west"), shop.owner("us-east")) == ("", "")


def test_approval_is_asked_for_before_the_lock_so_that_others_pass() -> None:
    shop = Shop(production(approval=Approval(groups=("release",))))
    first, second = shop.push(1), shop.push(2)
    assert shop.owner() == ""
    shop.house.send(second, ApproveStage(stage="live", by="bob", groups=("release",)))
    assert shop.owner() == owner_of(second)
    shop.house.send(first, ApproveStage(stage="live", by="bob", groups=("release",)))
    assert shop.waiting() == [owner_of(first)]


def test_freeze_keeps_a_stage_waiting_until_it_is_lifted_or_overridden() -> None:
    shop = Shop(production())
    shop.house.send(PLACE, FreezeEnvironment(by="bob", reason="holidays"))
    first, second = shop.push(1), shop.push(2)
    assert (shop.owner(), len(shop.waiting())) == ("", 2)
    assert "holidays" in shop.place().waiting[0].reason
    shop.house.send(PLACE, OverrideFreeze(deployment_id=owner_of(second), by="bob", reason="it burns"))
    assert shop.owner() == owner_of(second)
    shop.house.send(PLACE, UnfreezeEnvironment(by="bob"))
    shop.work()
    assert shop.owner() == owner_of(first)


def test_deployment_window_of_the_environment_is_waited_for() -> None:
    shop = Shop(production(windows=(Window("0 10 * * *", 3600),)))
    run = shop.push(1)
    assert shop.owner() == ""
    shop.house.pass_time(3600)
    assert shop.owner() == owner_of(run)


def test_quarantined_release_is_refused_and_by_hand_let_in() -> None:
    shop = Shop(production())
    shop.house.send(PLACE, QuarantineRelease(release_id="1-00000000", reason="it crashed"))
    run = shop.push(1)
    assert shop.run(run).stages["live"].code == "release-quarantined"
    shop.house.send(run, RerunRun(mode="all", by="bob"))
    assert shop.owner() == owner_of(run, 2)


def test_cancelled_run_leaves_the_queue_and_gives_back_what_it_holds() -> None:
    shop = Shop(production())
    first, second, third = shop.push(1), shop.push(2), shop.push(3)
    shop.house.send(second, CancelRun(by="bob"))
    assert shop.waiting() == [owner_of(third)]
    shop.house.send(first, CancelRun(by="bob"))
    assert (shop.owner(), shop.waiting()) == (owner_of(third), [])


def test_cancelled_run_holds_the_lock_until_its_job_has_stopped() -> None:
    shop = Shop(production())
    run = shop.push(1)
    shop.accept()
    shop.house.send(run, CancelRun(by="bob"))
    assert shop.owner() == owner_of(run)
    shop.work("cancelled")
    assert (shop.owner(), shop.run(run).outcome) == ("", "cancelled")


def test_stage_that_runs_for_long_keeps_its_lock() -> None:
    shop = Shop(production())
    run = shop.push(1)
    shop.accept()
    for _ in range(12):
        shop.house.pass_time(100)
    assert shop.owner() == owner_of(run)
    assert len(shop.told(LockRenewed)) == 12


def test_run_that_nobody_decides_any_more_loses_the_lock_and_its_jobs_stop() -> None:
    shop = Shop(production())
    run = shop.push(1)
    shop.accept()
    shop.house.now += shop.place().lock.expires_at - shop.house.now  # type: ignore[union-attr]
    # Only the environment is still there to see it.
    shop.house.send(PLACE, QuarantineRelease(release_id="x", reason="y"))
    assert shop.owner() == owner_of(run)
    shop.house.send(PLACE, Tick())
    released = shop.told(LockReleased)[-1]
    assert isinstance(released, LockReleased)
    assert released.expired
    assert len(shop.told(JobCancelRequested)) == 1
    shop.work("cancelled")
    assert (shop.run(run).outcome, shop.run(run).stages["live"].code) == ("error", "lock-lost")
