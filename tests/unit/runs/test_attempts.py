"""A job's attempts: whose word counts, what is repeated, what is tried again."""

from datetime import timedelta
from typing import Any

import pytest

from core.pipeline.plan import Retry
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from tests.support.given import START, Scene
from tests.unit.runs.scenes import cancel, finish, job, matrix, queued, running, stage, start, step, work


@pytest.fixture
def run() -> Scene:
    return running(stage("a"))


def with_retry(most: int, *on: Any) -> Scene:
    return running(stage("a", jobs=(job("a", retry=Retry(most, on)),)))


def lose(attempt: int = 1, epoch: int = 1) -> c.LoseJob:
    return c.LoseJob(job_id="a", attempt=attempt, epoch=epoch, reason="agent-lost")


def test_job_starts_once_under_its_lease(run: Scene) -> None:
    run.rejects(start("a", attempt=2), "stale-lease")
    assert run.when(start("a")).one(e.JobStarted).deadline_at == START + timedelta(seconds=3660)
    run.when(start("a")).then()
    run.rejects(start("a", epoch=2), "stale-lease")
    run.rejects(start("a", agent="a2"), "stale-lease")


def test_unknown_job_is_named(run: Scene) -> None:
    assert "'zz'" in run.rejects(start("zz"), "job-unknown")


def test_nobody_speaks_for_a_job_that_has_not_started(run: Scene) -> None:
    run.rejects(finish("a"), "stale-lease")
    run.rejects(step("a", 0), "stale-lease")
    run.rejects(lose(), "stale-lease")


def test_steps_are_reported_once(run: Scene) -> None:
    run.when(start("a")).when(step("a", 0)).then_types(e.StepStarted)
    run.when(step("a", 0)).then()
    assert run.when(step("a", 0, "success")).one(e.StepFinished).name == "a"
    run.when(step("a", 0, "success")).then()
    run.when(step("a", 0)).then()
    run.when(step("a", 1, "skipped")).then_types(e.StepFinished)
    run.rejects(step("a", 2), "step-unknown")
    run.rejects(step("a", -1), "step-unknown")


@pytest.mark.parametrize("wrong", [{"attempt": 2}, {"epoch": 2}, {"agent": "liar"}])
def test_agent_that_does_not_hold_the_lease_is_refused(run: Scene, wrong: dict[str, Any]) -> None:
    run.when(start("a"))
    run.rejects(step("a", 0, **wrong), "stale-lease")
    run.rejects(finish("a", **wrong), "stale-lease")


def test_repeated_words_after_the_end_change_nothing(run: Scene) -> None:
    work(run, "a")
    run.when(finish("a")).then()
    run.when(step("a", 0, "success")).then()
    run.rejects(finish("a", epoch=2), "stale-lease")


def test_repeated_end_of_an_earlier_attempt_changes_nothing() -> None:
    scene = work(with_retry(1, "failure"), "a", "failure")
    assert queued(scene) == [("a", 2)]
    scene.when(finish("a", "failure")).then()


def test_result_of_a_lost_attempt_is_refused(run: Scene) -> None:
    run.when(start("a")).when(lose())
    assert run.one(e.JobFinished).reason == "agent-lost"
    run.rejects(finish("a"), "stale-lease")
    run.rejects(lose(), "stale-lease")


def test_loss_after_the_end_changes_nothing(run: Scene) -> None:
    work(run, "a")
    run.when(lose()).then()


def test_lost_agent_is_made_good_twice_without_being_asked_for(run: Scene) -> None:
    for attempt in (1, 2):
        run.when(start("a", attempt)).when(lose(attempt))
        assert queued(run) == [("a", attempt + 1)]
        assert run.one(e.JobFinished).will_retry
    run.when(start("a", 3)).when(lose(3))
    assert not run.one(e.JobFinished).will_retry
    assert run.one(e.RunFinished).outcome == "error"


def test_retry_max_may_make_more_losses_good() -> None:
    scene = with_retry(4, "agent_lost")
    for attempt in range(1, 5):
        scene.when(start("a", attempt)).when(lose(attempt))
        assert queued(scene) == [("a", attempt + 1)]
    scene.when(start("a", 5)).when(lose(5))
    assert queued(scene) == []


@pytest.mark.parametrize(
    ("on", "outcome", "reason", "again"),
    [
        (("failure",), "failure", "exit-code", True),
        (("timeout",), "failure", "exit-code", False),
        (("timeout",), "failure", "timeout", True),
        (("failure",), "failure", "timeout", False),
        (("failure",), "error", "setup-failed", True),
        (("failure",), "error", "image-missing", False),
        (("failure", "timeout"), "cancelled", "", True),
    ],
)
def test_retry_follows_the_rule(on: tuple[Any, ...], outcome: str, reason: str, again: bool) -> None:
    scene = work(with_retry(1, *on), "a", outcome, reason=reason)
    assert scene.one(e.JobFinished).will_retry == again
    assert queued(scene) == ([("a", 2)] if again else [])


def test_failures_are_retried_up_to_the_maximum() -> None:
    scene = with_retry(1, "failure")
    work(scene, "a", "failure")
    ended = work(scene, "a", "failure", attempt=2)
    assert not ended.one(e.JobFinished).will_retry
    assert ended.one(e.RunFinished).outcome == "failure"


def test_outputs_beyond_the_limit_fail_the_job(run: Scene) -> None:
    ended = work(run, "a", outputs={"x": "y" * 100_000}).one(e.JobFinished)
    assert (ended.outcome, ended.reason, ended.outputs) == ("failure", "outputs-too-large", {})


def test_running_job_without_a_word_times_out(run: Scene) -> None:
    run.when(start("a")).later(seconds=3659).then()
    run.later(seconds=1)
    run.then_types(e.JobCancelRequested, e.JobFinished, e.StageFinished, e.RunFinished)
    ended = run.one(e.JobFinished)
    assert (ended.outcome, ended.reason) == ("failure", "timeout")
    run.rejects(finish("a"), "stale-lease")


def test_timeout_may_be_retried() -> None:
    scene = with_retry(1, "timeout").when(start("a")).later(seconds=3660)
    scene.then_types(e.JobCancelRequested, e.JobFinished, e.JobQueued)
    scene.when(start("a", 2)).then_types(e.JobStarted)


def test_queued_job_waits_a_day(run: Scene) -> None:
    run.when(c.ExplainJob(job_id="a", attempt=1, reason="no agent with label gpu in eu-west"))
    run.later(hours=24)
    ended = run.one(e.JobFinished)
    assert (ended.outcome, ended.reason) == ("error", "queue-timeout")
    assert "no agent with label gpu" in ended.detail


def test_reason_of_a_wait_is_told_when_it_changes(run: Scene) -> None:
    why = c.ExplainJob(job_id="a", attempt=1, reason="no agent")
    run.when(why).then(e.JobBlocked(job_id="a", attempt=1, reason="no agent"))
    run.when(why).then()
    run.when(c.ExplainJob(job_id="a", attempt=2, reason="x")).then()
    run.when(start("a")).when(c.ExplainJob(job_id="a", attempt=1, reason="x")).then()


def test_first_failure_stops_the_siblings() -> None:
    scene = running(matrix("m", 4, max_parallel=3))
    scene.when(start("m-1")).when(start("m-2"))
    scene.when(finish("m-1", "failure"))
    scene.then_types(e.JobFinished, e.JobCancelRequested, e.JobCancelRequested, e.JobFinished, e.JobsSkipped)
    assert scene.one(e.JobsSkipped).jobs == ("m-4",)
    scene.when(finish("m-2", "cancelled"))
    scene.then_types(e.JobFinished, e.StageFinished, e.RunFinished)
    assert scene.one(e.StageFinished).outcome == "failure"
    scene.check_restored()


def test_without_fail_fast_every_job_runs() -> None:
    scene = running(matrix("m", 3, max_parallel=1, fail_fast=False))
    assert queued(scene) == [("m-1", 1)]
    assert queued(work(scene, "m-1", "failure")) == [("m-2", 1)]
    assert queued(work(scene, "m-2")) == [("m-3", 1)]
    ended = work(scene, "m-3")
    assert ended.one(e.RunFinished).outcome == "failure"


def test_max_parallel_holds_while_attempts_are_retried() -> None:
    jobs = tuple(job(f"m-{number}", retry=Retry(1, ("failure",))) for number in (1, 2))
    scene = running(stage("m", jobs=jobs, max_parallel=1))
    assert queued(work(scene, "m-1", "failure")) == [("m-1", 2)]
    assert queued(work(scene, "m-1", attempt=2)) == [("m-2", 1)]


def test_stage_outputs_are_merged_from_its_jobs() -> None:
    scene = running(matrix("m", 2), stage("z", "m", jobs=(job("z", env={"V": "${{ stages.m.outputs.b }}"}),)))
    work(scene, "m-2", outputs={"b": "2"})
    assert work(scene, "m-1", outputs={"a": "1"}).one(e.JobQueued).spec.env["V"] == "2"


def test_retrying_is_over_once_the_job_is_told_to_stop() -> None:
    scene = with_retry(3, "failure").when(start("a")).when(cancel()).when(finish("a", "failure"))
    assert scene.one(e.JobFinished).outcome == "cancelled"
    assert RUN.finished(scene.state)
