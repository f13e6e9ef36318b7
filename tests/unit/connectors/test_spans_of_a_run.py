"""The spans that the events of a run make, as the aggregates decide them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.connectors.spans import Span, spans_of_round
from core.pipeline.plan import Concurrency
from core.runs.commands import ApproveStage, FailRun, RerunRun
from tests.support.household import START
from tests.support.pushed_run import PushedRun, stage


def tree(spans: tuple[Span, ...], root: Span | None = None) -> list[Any]:
    parent = root.key if root else None
    found = [span for span in spans if span.parent == parent]
    return [(span.name, tree(spans, span)) for span in found]


def named(spans: tuple[Span, ...], name: str) -> Span:
    (found,) = (span for span in spans if span.name == name)
    return found


def seconds(at: datetime) -> float:
    return (at - START).total_seconds()


@pytest.fixture
def scene() -> PushedRun:
    return PushedRun()


STEP_TREE: list[Any] = [("wait for an agent", []), ("checkout", []), ("test", [])]


def test_push_is_the_root_of_run_stages_attempts_and_steps(scene: PushedRun) -> None:
    scene.plan(stage("lint"), stage("build", "lint"))
    scene.work()
    scene.work()
    assert tree(scene.spans()) == [
        (
            "push refs/heads/main",
            [
                (
                    "run shop #1",
                    [
                        ("plan", []),
                        ("stage lint", [("lint attempt 1", STEP_TREE)]),
                        ("stage build", [("build attempt 1", STEP_TREE)]),
                    ],
                )
            ],
        )
    ]


def test_spans_have_the_times_of_the_events(scene: PushedRun) -> None:
    scene.plan(stage("lint"))
    scene.work()
    spans = scene.spans()
    push, run, step = named(spans, "push refs/heads/main"), named(spans, "run shop #1"), named(spans, "test")
    assert (push.start, push.end) == (scene.received_at, run.start)
    assert (seconds(run.start), seconds(run.end)) == (1, 8)
    assert (seconds(step.start), seconds(step.end)) == (6, 7)
    queue = named(spans, "wait for an agent")
    assert (seconds(queue.start), seconds(queue.end)) == (2, 3)


def test_equal_events_make_equal_spans_and_no_two_have_one_id(scene: PushedRun) -> None:
    scene.plan(stage("lint"), stage("unit"))
    scene.work()
    scene.work()
    spans = scene.spans()
    assert scene.spans() == spans
    assert len({span.key for span in spans}) == len(spans)
    assert {len(span.key.trace_id) for span in spans} == {32}
    assert {len(span.key.span_id) for span in spans} == {16}
    assert len({span.key.trace_id for span in spans}) == 1


def test_each_attempt_has_a_span_and_the_failed_ones_say_so(scene: PushedRun) -> None:
    scene.plan(stage("unit", retries=1))
    scene.work("failure")
    scene.work()
    spans = scene.spans()
    first, second = named(spans, "unit attempt 1"), named(spans, "unit attempt 2")
    assert first.parent == second.parent == named(spans, "stage unit").key
    assert first.error is not None
    assert second.error is None
    assert second.start >= first.end


def test_failed_run_is_an_error_from_the_step_up(scene: PushedRun) -> None:
    scene.plan(stage("unit"), stage("build", "unit"))
    scene.work("failure")
    spans = scene.spans()
    assert named(spans, "run shop #1").error is not None
    assert named(spans, "run shop #1").attributes["cicd.pipeline.result"] == "failure"
    skipped = named(spans, "stage build")
    assert skipped.attributes["cicd.pipeline.task.run.result"] == "skip"
    assert (skipped.error, skipped.start) == (None, skipped.end)


def test_wait_for_approval_is_a_span_with_the_decision(scene: PushedRun) -> None:
    scene.plan(stage("release", approval=True))
    scene.house.now += timedelta(hours=2)
    scene.send(f"run/{scene.run}", ApproveStage(stage="release", by="ann"))
    wait = named(scene.spans(), "wait for approval")
    assert wait.parent == named(scene.spans(), "stage release").key
    assert wait.end - wait.start == timedelta(hours=2, seconds=1)
    assert wait.attributes["sealane.approval.decision"] == "granted"


def test_rerun_is_a_trace_part_of_its_own_that_links_to_the_first(scene: PushedRun) -> None:
    scene.plan(stage("unit"))
    scene.work("failure")
    scene.send(f"run/{scene.run}", RerunRun(mode="all", by="ann"))
    scene.work()
    first, again = scene.spans(0), scene.spans(1)
    rerun = named(again, "re-run shop #1")
    assert rerun.parent is None
    assert rerun.links == (named(first, "run shop #1").key,)
    assert tree(again)[0][1] == [("stage unit", [("unit attempt 2", STEP_TREE)])]
    assert not {span.key for span in first} & {span.key for span in again}


def test_waiting_for_the_concurrency_group_is_a_span(scene: PushedRun) -> None:
    scene.plan(stage("unit"), concurrency=Concurrency(group="deploy", policy="queue"))
    scene.work()
    wait = named(scene.spans(), "wait for the concurrency group")
    assert wait.parent == named(scene.spans(), "run shop #1").key
    assert wait.start == named(scene.spans(), "plan").end


def test_run_that_can_not_be_planned_is_a_trace_too(scene: PushedRun) -> None:
    scene.send(f"run/{scene.run}", FailRun(code="commit-missing", detail="commit c1 is gone"))
    spans = scene.spans()
    assert tree(spans) == [("push refs/heads/main", [("run shop #1", [])])]
    assert named(spans, "run shop #1").error == "commit c1 is gone"


def test_steps_of_an_agent_with_a_wrong_clock_lie_inside_their_attempt(scene: PushedRun) -> None:
    scene.plan(stage("unit"))
    scene.work(agent_clock=timedelta(minutes=-7))
    spans = scene.spans()
    attempt, checkout, test = named(spans, "unit attempt 1"), named(spans, "checkout"), named(spans, "test")
    assert attempt.start <= checkout.start < checkout.end < test.start < test.end <= attempt.end
    assert "sealane.agent_clock_moved_ms" in checkout.attributes


def test_unknown_end_makes_no_spans(scene: PushedRun) -> None:
    scene.plan(stage("unit"))
    scene.work()
    assert spans_of_round(scene.facts(), "another", None) == ()
