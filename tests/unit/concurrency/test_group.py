"""A concurrency group: at most one run at a time, and nobody is forgotten."""

from typing import Any

import pytest
from hypothesis import given as randomly
from hypothesis import settings
from hypothesis import strategies as some

from core.concurrency import commands as c
from core.concurrency import events as e
from core.concurrency.aggregate import GROUP
from tests.support.given import Scene, given


@pytest.fixture
def group() -> Scene:
    return given(GROUP, "shop/deploy-main")


def enter(run: str, policy: Any = "queue", round_: int = 1) -> c.EnterGroup:
    return c.EnterGroup(run_id=run, round=round_, policy=policy)


def leave(run: str) -> c.LeaveGroup:
    return c.LeaveGroup(run_id=run)


def test_first_run_is_admitted(group: Scene) -> None:
    group.when(enter("r1")).then(e.RunAdmitted(run_id="r1", round=1))


def test_repeated_entry_changes_nothing(group: Scene) -> None:
    group.when(enter("r1")).when(enter("r1")).then()
    group.when(enter("r2")).when(enter("r2")).then()


def test_queued_runs_start_in_order(group: Scene) -> None:
    group.when(enter("r1")).when(enter("r2")).then(e.RunQueued(run_id="r2", round=1, behind="r1"))
    group.when(enter("r3")).then(e.RunQueued(run_id="r3", round=1, behind="r2"))
    group.when(leave("r1")).then(e.RunLeft(run_id="r1"), e.RunAdmitted(run_id="r2", round=1))
    group.when(leave("r2")).then(e.RunLeft(run_id="r2"), e.RunAdmitted(run_id="r3", round=1))


def test_cancel_running_supersedes_what_runs_and_what_waits(group: Scene) -> None:
    group.when(enter("r1")).when(enter("r2")).when(enter("r3", "cancel_running"))
    assert [event.run_id for event in group.all_told(e.RunSuperseded)] == ["r1", "r2"]
    group.when(enter("r4", "cancel_running"))
    assert [event.run_id for event in group.all_told(e.RunSuperseded)] == ["r3"], "r1 knows already"
    group.when(leave("r1"))
    assert group.one(e.RunAdmitted).run_id == "r4"


def test_newest_only_supersedes_only_what_waits(group: Scene) -> None:
    group.when(enter("r1")).when(enter("r2", "newest_only")).when(enter("r3", "newest_only"))
    assert [event.run_id for event in group.all_told(e.RunSuperseded)] == ["r2"]


def test_leaving_is_harmless_for_a_run_that_is_not_there(group: Scene) -> None:
    group.when(leave("r9")).then()
    group.when(enter("r1")).when(leave("r9")).then()


def test_waiting_run_may_leave(group: Scene) -> None:
    group.when(enter("r1")).when(enter("r2")).when(leave("r2")).then(e.RunLeft(run_id="r2"))


def test_new_round_enters_anew(group: Scene) -> None:
    group.when(enter("r1")).when(leave("r1")).when(enter("r1", round_=2))
    group.then(e.RunAdmitted(run_id="r1", round=2))


def test_empty_group_may_leave_memory(group: Scene) -> None:
    group.when(enter("r1"))
    assert not GROUP.finished(group.state)
    group.when(leave("r1"))
    assert GROUP.finished(group.state)


RUNS = some.sampled_from(("r1", "r2", "r3", "r4"))
POLICIES = some.sampled_from(("queue", "cancel_running", "newest_only"))
COMMANDS: some.SearchStrategy[Any] = some.one_of(some.builds(enter, RUNS, POLICIES), some.builds(leave, RUNS))


@settings(max_examples=150, deadline=None)
@randomly(some.lists(COMMANDS, max_size=30))
def test_at_most_one_run_is_admitted_and_none_waits_for_nobody(commands: list[Any]) -> None:
    group = Scene(GROUP, "shop/x")
    admitted: set[str] = set()
    for command in commands:
        group.when(command)
        for event in group.told:
            if isinstance(event, e.RunAdmitted):
                admitted.add(event.run_id)
            elif isinstance(event, e.RunLeft):
                admitted.discard(event.run_id)
        assert len(admitted) <= 1
        assert admitted or not group.state.waiting
    group.check_restored()
