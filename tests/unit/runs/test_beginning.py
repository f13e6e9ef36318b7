"""How a run begins: asked for, planned or not, admitted; and what its jobs are given."""

from datetime import timedelta

import pytest

from core.aggregate import Tick
from core.pipeline.plan import Concurrency
from core.pipeline.problems import Problem
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from tests.support.given import START, given
from tests.unit.runs.scenes import ID, job, plan, queued, request, requested, running, stage, work


def test_run_is_requested_once() -> None:
    scene = requested().then_types(e.RunRequested)
    scene.when(request()).then()
    assert RUN.deadline(scene.state) == START + timedelta(minutes=10)


@pytest.mark.parametrize("command", [plan(stage("a")), c.CancelRun(by="ann"), c.FailRun(code="x", detail="y")])
def test_unknown_run_refuses_everything(command: c.PlanRun) -> None:
    given(RUN, ID).rejects(command, "run-unknown")


def test_run_without_a_plan_ends_after_ten_minutes() -> None:
    scene = requested().later(minutes=9, seconds=59).then()
    ended = scene.later(seconds=1).one(e.RunFinished)
    assert (ended.outcome, ended.code) == ("error", "definition-timeout")
    assert RUN.deadline(scene.state) is None
    assert RUN.finished(scene.state)
    scene.rejects(plan(stage("a")), "run-finished")


def test_planned_run_starts_its_first_stages() -> None:
    scene = running(stage("lint"), stage("unit"), stage("build", "lint", "unit"))
    scene.then_types(e.RunPlanned, e.RunStarted, e.JobQueued, e.JobQueued)
    assert queued(scene) == [("lint", 1), ("unit", 1)]
    scene.when(plan(stage("other"))).then()


def test_stage_begins_when_all_it_needs_has_ended() -> None:
    scene = running(stage("lint"), stage("unit"), stage("build", "lint", "unit"))
    assert queued(work(scene, "lint")) == []
    assert queued(work(scene, "unit")) == [("build", 1)]
    ended = work(scene, "build").one(e.RunFinished)
    assert (ended.outcome, ended.round) == ("success", 1)
    scene.check_restored()


def test_default_branch_is_only_a_push_to_it() -> None:
    assert requested().when(plan(stage("a"))).one(e.RunPlanned).default_branch
    assert not requested(branch="dev").when(plan(stage("a"))).one(e.RunPlanned).default_branch
    assert not requested(source="schedule").when(plan(stage("a"))).one(e.RunPlanned).default_branch


def test_run_of_a_group_waits_until_it_is_admitted() -> None:
    scene = running(stage("a"), concurrency=Concurrency("prod")).then_types(e.RunPlanned)
    assert RUN.deadline(scene.state) is None
    scene.when(c.AdmitRun(round=2)).then()
    scene.when(c.AdmitRun(round=1)).then_types(e.RunStarted, e.JobQueued)
    scene.when(c.AdmitRun(round=1)).then()
    assert work(scene, "a").one(e.RunFinished).group == "prod"


def test_broken_pipeline_ends_the_run_as_invalid() -> None:
    problem = Problem("unknown-stage", "unknown stage 'biuld'", 3, 5)
    scene = requested().when(c.InvalidateRun(commit="c1", problems=(problem,)))
    scene.then_types(e.RunInvalidated, e.RunFinished)
    ended = scene.one(e.RunFinished)
    assert (ended.outcome, ended.detail) == ("invalid", "unknown stage 'biuld'")


def test_run_may_be_ignored_or_fail_before_its_plan() -> None:
    ignored = requested().when(c.IgnoreRun(commit="c1", code="branch-filtered", reason="dev is not built"))
    assert (ignored.one(e.RunFinished).outcome, ignored.one(e.RunFinished).code) == ("ignored", "branch-filtered")
    failed = requested().when(c.FailRun(code="commit-not-found", detail="c1 is gone"))
    assert (failed.one(e.RunFinished).outcome, failed.one(e.RunFinished).code) == ("error", "commit-not-found")


@pytest.mark.parametrize(
    "stages",
    [(stage("a"), stage("a")), (stage("b", "a"), stage("a")), (stage("a"), stage("b", jobs=(job("a"),)))],
)
def test_plan_that_could_not_end_ends_at_once(stages: tuple[object, ...]) -> None:
    scene = requested().when(plan(*stages))  # type: ignore[arg-type]
    assert scene.one(e.RunFinished).code == "plan-invalid"


def test_job_carries_the_standard_variables() -> None:
    scene = running(stage("build", jobs=(job("build", env={"TAG": "own", "BRANCH": "no", "CI": "false", "X": "1"}),)))
    event = scene.one(e.JobQueued)
    assert event.spec.env == {
        "CI": "false",
        "BUILD_ID": "7",
        "RUN_ID": ID,
        "JOB_ID": "build",
        "ATTEMPT": "1",
        "COMMIT_SHA": "c1",
        "BRANCH": "main",
        "TAG": "own",
        "REPOSITORY": "https://forge/shop.git",
        "PIPELINE": "p",
        "STAGE": "build",
        "ENVIRONMENT": "",
        "REGION": "eu-west",
        "ACTOR": "ann",
        "X": "1",
    }
    assert (event.region, event.pool) == ("eu-west", "default")
    assert event.spec.attempt_key == f"{ID}/build/1"


def test_job_may_ask_for_another_region() -> None:
    assert running(stage("a", jobs=(job("a", region="ap-south"),))).one(e.JobQueued).region == "ap-south"


def test_job_that_can_not_be_brought_to_a_pool_ends_as_an_error() -> None:
    scene = running(stage("a", jobs=(job("a", region="mars"),)))
    scene.when(c.RefuseJob(job_id="a", attempt=1, code="region-unknown", detail="there is no region 'mars'"))
    assert scene.one(e.JobFinished).reason == "region-unknown"
    assert scene.one(e.RunFinished).outcome == "error"


def test_tick_without_anything_due_changes_nothing() -> None:
    running(stage("a")).when(Tick()).then()
