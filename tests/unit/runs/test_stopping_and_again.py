"""Cancelling a run, and running it again."""

import pytest

from core.pipeline.plan import Concurrency
from core.runs import commands as c
from core.runs import events as e
from tests.support.given import Scene
from tests.unit.runs.scenes import (
    cancel,
    finish,
    matrix,
    plan,
    queued,
    requested,
    rerun,
    running,
    skipped,
    stage,
    start,
    work,
)


def test_queued_jobs_end_at_once_and_running_ones_by_their_agents_word() -> None:
    scene = running(stage("a"), stage("b"), stage("c", "b")).when(start("a")).when(cancel())
    asked = {event.job_id: event.deadline_at is not None for event in scene.all_told(e.JobCancelRequested)}
    assert asked == {"a": True, "b": False}
    assert [(event.job_id, event.outcome) for event in scene.all_told(e.JobFinished)] == [("b", "cancelled")]
    assert skipped(scene) == {"c": "run-cancelled"}
    ended = scene.when(finish("a", "cancelled")).one(e.RunFinished)
    assert (ended.outcome, ended.code) == ("cancelled", "user")
    scene.check_restored()


def test_cancel_that_no_agent_confirms_ends_after_a_minute() -> None:
    scene = running(stage("a")).when(start("a")).when(cancel()).later(seconds=59).then()
    scene.later(seconds=1)
    ended = scene.one(e.JobFinished)
    assert (ended.outcome, ended.reason) == ("cancelled", "unconfirmed")
    assert scene.one(e.RunFinished).outcome == "cancelled"


def test_repeated_cancel_changes_nothing() -> None:
    running(stage("a")).when(start("a")).when(cancel()).when(cancel()).then()


def test_cancel_of_a_finished_run_is_refused() -> None:
    work(running(stage("a")), "a").rejects(cancel(), "run-finished")


def test_cancel_before_the_plan_ends_the_run() -> None:
    scene = requested().when(cancel()).then_types(e.RunCancelRequested, e.RunFinished)
    scene.rejects(plan(stage("a")), "run-finished")


def test_cancel_of_a_run_that_waits_for_its_group_starts_nothing() -> None:
    scene = running(stage("a"), stage("b", "a", if_="always()"), concurrency=Concurrency("prod")).when(cancel())
    assert skipped(scene) == {"a": "run-cancelled", "b": "run-cancelled"}
    assert (scene.one(e.RunFinished).outcome, scene.one(e.RunFinished).group) == ("cancelled", "prod")


def test_cancel_of_an_older_round_changes_nothing() -> None:
    scene = work(running(stage("a")), "a", "failure").when(rerun("all"))
    scene.when(cancel(reason="superseded", round=1)).then()
    scene.when(cancel(reason="superseded", round=2))
    assert scene.one(e.RunFinished).code == "superseded"


def test_stages_that_always_run_still_do() -> None:
    scene = running(stage("a"), stage("clean", "a", if_="always()"), stage("told", "clean", if_="cancelled()"))
    assert queued(scene.when(cancel())) == [("clean", 1)]
    assert queued(work(scene, "clean")) == [("told", 1)]
    assert work(scene, "told").one(e.RunFinished).outcome == "cancelled"


def test_forced_cancel_stops_what_always_runs() -> None:
    scene = running(stage("a"), stage("clean", "a", if_="always()")).when(cancel())
    scene.when(start("clean")).when(cancel(force=True))
    assert scene.one(e.JobCancelRequested).job_id == "clean"
    assert scene.when(finish("clean", "cancelled")).one(e.RunFinished).outcome == "cancelled"


def test_pending_jobs_of_a_matrix_are_skipped() -> None:
    scene = running(matrix("m", 5, max_parallel=1)).when(cancel())
    assert scene.one(e.JobsSkipped).jobs == ("m-2", "m-3", "m-4", "m-5")
    assert scene.one(e.RunFinished).outcome == "cancelled"


def test_run_that_was_done_in_time_is_no_cancelled_one() -> None:
    scene = running(stage("a")).when(start("a")).when(cancel()).when(finish("a"))
    assert scene.one(e.RunFinished).outcome == "success"


def test_agent_that_stops_by_itself_counts_as_lost() -> None:
    scene = work(running(stage("a")), "a", "cancelled")
    assert (scene.one(e.JobFinished).reason, queued(scene)) == ("agent-stopped", [("a", 2)])


def failed_run() -> Scene:
    """`a` succeeded, `b` failed, so `c` was skipped; `d` is apart."""
    scene = running(stage("a"), stage("b", "a"), stage("c", "b"), stage("d"))
    work(scene, "a", outputs={"tag": "1"})
    work(scene, "d")
    return work(scene, "b", "failure")


def test_rerun_of_what_failed_keeps_the_rest() -> None:
    scene = failed_run().when(rerun("failed"))
    asked = scene.one(e.RunRerunRequested)
    assert (asked.stages, asked.jobs, asked.round) == (("b", "c"), ("b", "c"), 2)
    assert queued(scene) == [("b", 2)]
    assert scene.state.stages["a"].outputs == {"tag": "1"}
    assert queued(work(scene, "b", attempt=2)) == [("c", 1)]
    ended = work(scene, "c").one(e.RunFinished)
    assert (ended.outcome, ended.round) == ("success", 2)
    scene.check_restored()


def test_rerun_of_all_runs_all() -> None:
    assert queued(failed_run().when(rerun("all"))) == [("a", 2), ("d", 2)]


def test_rerun_from_a_stage_takes_what_depends_on_it() -> None:
    scene = failed_run().when(rerun("from_stage", "b"))
    assert scene.one(e.RunRerunRequested).stages == ("b", "c")


def test_rerun_of_failed_jobs_keeps_their_siblings() -> None:
    scene = running(matrix("m", 3, fail_fast=False), stage("z", "m"))
    work(scene, "m-1")
    work(scene, "m-2", "failure")
    work(scene, "m-3")
    assert queued(scene.when(rerun("failed"))) == [("m-2", 2)]
    assert queued(work(scene, "m-2", attempt=2)) == [("z", 1)]


def test_rerun_enters_the_group_again() -> None:
    scene = running(stage("a"), concurrency=Concurrency("prod")).when(c.AdmitRun(round=1))
    work(scene, "a", "failure").when(rerun("all")).then_types(e.RunRerunRequested)
    assert scene.one(e.RunRerunRequested).concurrency == Concurrency("prod")
    assert queued(scene.when(c.AdmitRun(round=2))) == [("a", 2)]


def test_lost_agents_of_an_earlier_round_are_forgotten() -> None:
    scene = running(stage("a"))
    for attempt in (1, 2, 3):
        scene.when(start("a", attempt))
        scene.when(c.LoseJob(job_id="a", attempt=attempt, epoch=1, reason="agent-lost"))
    scene.when(rerun("failed")).when(start("a", 4))
    assert queued(scene.when(c.LoseJob(job_id="a", attempt=4, epoch=1, reason="agent-lost"))) == [("a", 5)]


@pytest.mark.parametrize("mode", ["all", "failed", "from_stage"])
def test_active_run_can_not_run_again(mode: str) -> None:
    running(stage("a")).rejects(rerun(mode, "a"), "run-active")


def test_run_that_never_had_a_plan_can_not_run_again() -> None:
    requested().when(cancel()).rejects(rerun("all"), "nothing-to-rerun")


def test_run_without_failures_has_nothing_to_rerun() -> None:
    work(running(stage("a"), stage("b", if_="false")), "a").rejects(rerun("failed"), "nothing-to-rerun")


def test_rerun_from_an_unknown_stage_names_near_ones() -> None:
    scene = work(running(stage("build")), "build")
    assert "did you mean 'build'" in scene.rejects(rerun("from_stage", "biuld"), "stage-unknown")
