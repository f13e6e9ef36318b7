"""The pool: who gets which slot, and what becomes of offers, leases and agents."""

from datetime import timedelta
from typing import Any

import pytest

from core.pools import commands as c
from core.pools import events as e
from core.pools.aggregate import POOL
from core.pools.entries import HeldLease, QueueEntry
from core.pools.scheduling import schedule
from core.runs.spec import JobSpec, Source
from tests.support.given import START, Scene, given


def entry(run: str, app: str = "shop", age: float = 0, **more: Any) -> QueueEntry:
    """An attempt of job j; the greater `age` the longer it has waited."""
    spec = JobSpec(
        run_id=run,
        job_id="j",
        attempt=1,
        app=app,
        stage="j",
        name="j",
        source=Source("https://forge/x.git", "c1"),
        env={},
        steps=(),
        timeout_seconds=60,
    )
    queued_at = START - timedelta(seconds=age)
    return QueueEntry(attempt_key=f"{run}/j/1", app=app, queued_at=queued_at, spec=spec, **more)


def enqueue(run: str, app: str = "shop", age: float = 0, **more: Any) -> c.EnqueueJob:
    return c.EnqueueJob(entry=entry(run, app, age, **more))


def connect(agent: str, slots: int = 1, session: str = "s1", *labels: str, **more: Any) -> c.ConnectAgent:
    return c.ConnectAgent(agent_id=agent, session=session, slots=slots, labels=labels, **more)


def accept(run: str, agent: str = "a1", epoch: int = 1) -> c.AcceptLease:
    return c.AcceptLease(attempt_key=f"{run}/j/1", epoch=epoch, agent_id=agent)


def release(run: str) -> c.ReleaseLease:
    return c.ReleaseLease(attempt_key=f"{run}/j/1")


def granted(scene: Scene) -> list[tuple[str, str]]:
    return [(event.attempt_key.partition("/")[0], event.agent_id) for event in scene.all_told(e.LeaseGranted)]


@pytest.fixture
def pool() -> Scene:
    return given(POOL, "eu-west/default")


def test_job_is_offered_at_once_to_a_free_agent(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1"))
    assert granted(pool) == [("r1", "a1")]
    assert pool.one(e.LeaseGranted).accept_by == START + timedelta(seconds=10)


def test_repeated_enqueue_changes_nothing(pool: Scene) -> None:
    pool.when(enqueue("r1")).when(enqueue("r1")).then()
    pool.when(connect("a1")).when(enqueue("r1")).then()


def test_priority_goes_before_fairness_and_age(pool: Scene) -> None:
    for run, priority, age in (("old", 0, 100), ("urgent", 5, 1)):
        pool.when(enqueue(run, age=age, priority=priority))
    assert granted(pool.when(connect("a1"))) == [("urgent", "a1")]


def test_app_with_fewest_leases_goes_before_age(pool: Scene) -> None:
    pool.when(connect("a1", 2)).when(enqueue("busy-1", "busy")).when(enqueue("busy-2", "busy"))
    pool.when(enqueue("busy-3", "busy", age=100)).when(enqueue("quiet-1", "quiet", age=1))
    assert granted(pool.when(release("busy-1"))) == [("quiet-1", "a1")]


def test_fair_share_counts_within_one_decision(pool: Scene) -> None:
    for number in range(3):
        pool.when(enqueue(f"a{number}", "alpha", age=100 - number))
        pool.when(enqueue(f"b{number}", "beta", age=50 - number))
    pool.when(connect("x", 4))
    assert [run for run, _ in granted(pool)] == ["a0", "b0", "a1", "b1"]


def test_oldest_goes_first_among_equals(pool: Scene) -> None:
    pool.when(enqueue("young", age=1)).when(enqueue("old", age=9))
    assert granted(pool.when(connect("a1"))) == [("old", "a1")]


def test_load_spreads_over_agents(pool: Scene) -> None:
    pool.when(connect("a1", 2)).when(connect("a2", 2))
    agents = [granted(pool.when(enqueue(f"r{number}")))[0][1] for number in range(4)]
    assert agents == ["a1", "a2", "a1", "a2"]


def test_agent_without_the_labels_gets_nothing(pool: Scene) -> None:
    pool.when(connect("a1", 1, "s", "linux")).when(enqueue("r1", labels=("linux", "gpu")))
    assert granted(pool) == []
    pool.when(enqueue("r2", labels=("linux",)))
    assert granted(pool) == [("r2", "a1")], "what can't be leased holds up nobody else"
    assert granted(pool.when(connect("a2", 1, "s", "gpu", "linux"))) == [("r1", "a2")]


def test_schedule_is_a_pure_function_of_the_state(pool: Scene) -> None:
    pool.when(connect("a1", 1)).when(enqueue("r1")).when(enqueue("r2"))
    pool.given(e.LeaseReleased(attempt_key="r1/j/1", epoch=1, agent_id="a1"))
    assert [grant.attempt_key for grant in schedule(pool.state, pool.now)] == ["r2/j/1"]
    pool.check_restored()


def test_offer_that_nobody_accepts_goes_to_another_agent(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(connect("a2"))
    pool.later(seconds=10)
    returned, regranted = pool.one(e.LeaseReturned), pool.one(e.LeaseGranted)
    assert (returned.agent_id, returned.reason) == ("a1", "not-accepted")
    assert (regranted.agent_id, regranted.epoch) == ("a2", 2)
    pool.rejects(accept("r1", "a1", 1), "stale-lease")


def test_offer_that_nobody_accepts_comes_back_to_the_only_agent(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).later(seconds=10)
    assert granted(pool) == [("r1", "a1")]


def test_returned_offer_keeps_its_place(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("old", age=50)).when(enqueue("young"))
    pool.when(c.RefuseLease(attempt_key="old/j/1", epoch=1, agent_id="a1", reason="busy"))
    assert granted(pool) == [("young", "a1")]
    assert granted(pool.when(connect("a2", 2))) == [("old", "a2")]


def test_refused_attempt_is_not_offered_to_that_agent_again_for_a_while(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1"))
    pool.when(c.RefuseLease(attempt_key="r1/j/1", epoch=1, agent_id="a1", reason="no-sandbox"))
    assert granted(pool) == []
    assert pool.one(e.JobExplained).reason == "every fitting agent refused it: a1"
    pool.later(seconds=25).when(c.RecordHeartbeats(agents=("a1",))).later(seconds=25)
    pool.when(c.RecordHeartbeats(agents=("a1",))).later(seconds=11)
    assert pool.all_told(e.RefusalsForgotten)
    assert granted(pool) == [("r1", "a1")]


def test_accepted_lease_can_not_be_refused(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(accept("r1"))
    pool.rejects(c.RefuseLease(attempt_key="r1/j/1", epoch=1, agent_id="a1", reason="x"), "lease-accepted")


def test_accept_is_checked_and_repeatable(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1"))
    pool.rejects(accept("r1", "a2"), "stale-lease")
    pool.rejects(accept("r1", "a1", 2), "stale-lease")
    pool.rejects(accept("r9"), "stale-lease")
    pool.when(accept("r1")).then_types(e.LeaseAccepted)
    pool.when(accept("r1")).then()


def test_heartbeats_are_on_record_every_ten_seconds_only(pool: Scene) -> None:
    pool.when(connect("a1")).when(connect("a2"))
    pool.later(seconds=5).when(c.RecordHeartbeats(agents=("a1", "a2", "stranger"))).then()
    pool.later(seconds=5).when(c.RecordHeartbeats(agents=("a1", "a1", "stranger")))
    pool.then(e.HeartbeatsRecorded(agents=("a1",), at=pool.now))


def test_silent_agent_is_lost_with_what_it_accepted(pool: Scene) -> None:
    pool.when(connect("a1", 2)).when(enqueue("r1")).when(accept("r1"))
    pool.later(seconds=25).when(enqueue("r2")).later(seconds=5)
    pool.then_types(e.AgentGone, e.LeaseLost, e.LeaseReturned, e.JobExplained)
    assert pool.one(e.LeaseLost).reason == "agent-lost"
    assert pool.one(e.JobExplained).reason == "no agent is connected to pool default in eu-west"


def test_heard_agent_is_not_lost(pool: Scene) -> None:
    pool.when(connect("a1")).later(seconds=20).when(c.RecordHeartbeats(agents=("a1",)))
    pool.later(seconds=29).then()
    pool.later(seconds=1).then_types(e.AgentGone)


def test_disconnected_agent_keeps_its_leases_and_gets_no_new_ones(pool: Scene) -> None:
    pool.when(connect("a1", 2)).when(enqueue("r1")).when(accept("r1"))
    pool.when(c.DisconnectAgent(agent_id="a1", session="s1")).then_types(e.AgentDisconnected)
    pool.when(enqueue("r2")).then_types(e.JobEnqueued)
    assert list(pool.state.leases) == ["r1/j/1"]


def test_disconnect_of_an_older_session_changes_nothing(pool: Scene) -> None:
    pool.when(connect("a1", 1, "s1")).when(connect("a1", 1, "s2"))
    pool.when(c.DisconnectAgent(agent_id="a1", session="s1")).then()


def test_reconnect_keeps_what_is_held_on_both_sides(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(accept("r1"))
    pool.when(connect("a1", 1, "s2", held=(HeldLease("r1/j/1", 1),))).then_types(e.AgentConnected)
    assert pool.one(e.AgentConnected).revoked == ()


def test_restarted_agent_loses_what_it_no_longer_holds(pool: Scene) -> None:
    pool.when(connect("a1", 2)).when(enqueue("r1")).when(accept("r1")).when(enqueue("r2"))
    pool.when(connect("a1", 2, "s2"))
    assert pool.one(e.LeaseLost).reason == "agent-restarted"
    assert pool.one(e.LeaseReturned).attempt_key == "r2/j/1"
    assert pool.one(e.LeaseGranted).epoch == 2


def test_agent_must_abandon_what_it_wrongly_holds(pool: Scene) -> None:
    pool.when(connect("a1")).when(connect("a2")).when(enqueue("r1")).when(accept("r1"))
    held = (HeldLease("r1/j/1", 1), HeldLease("ghost/j/1", 1))
    pool.when(connect("a2", 1, "s2", held=held))
    assert pool.one(e.AgentConnected).revoked == ("r1/j/1", "ghost/j/1")


def test_held_offer_counts_as_accepted(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1"))
    pool.when(connect("a1", 1, "s2", held=(HeldLease("r1/j/1", 1),)))
    pool.then_types(e.AgentConnected, e.LeaseAccepted)


def test_reconnected_agent_is_told_again_to_stop(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(accept("r1"))
    pool.when(c.CancelJob(attempt_key="r1/j/1", grace_seconds=7)).then_types(e.LeaseCancelRequested)
    pool.when(connect("a1", 1, "s2", held=(HeldLease("r1/j/1", 1),)))
    assert pool.one(e.LeaseCancelRequested).grace_seconds == 7


def test_draining_agent_finishes_its_work_and_leaves(pool: Scene) -> None:
    pool.when(connect("a1", 2)).when(enqueue("r1")).when(accept("r1")).when(enqueue("r2"))
    pool.when(c.DrainAgent(agent_id="a1")).then_types(e.AgentDraining, e.LeaseReturned, e.JobExplained)
    assert pool.one(e.JobExplained).reason == "every agent of pool default in eu-west is leaving"
    pool.when(release("r1"))
    assert pool.one(e.AgentGone).reason == "left"


def test_idle_agent_that_drains_leaves_at_once(pool: Scene) -> None:
    pool.when(connect("a1")).when(c.DrainAgent(agent_id="a1")).then_types(e.AgentDraining, e.AgentGone)
    pool.rejects(c.DrainAgent(agent_id="a1"), "agent-unknown")


def test_new_process_of_a_draining_agent_takes_work(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(accept("r1")).when(c.DrainAgent(agent_id="a1"))
    pool.when(connect("a1", 1, "s2"))
    assert not pool.one(e.AgentConnected).draining


@pytest.mark.parametrize(
    ("agents", "labels", "reason"),
    [
        ((), (), "no agent is connected to pool default in eu-west"),
        ((("a1", "linux"),), ("gpu",), "no agent with label gpu in eu-west"),
        ((("a1", "x"),), ("gpu", "arm"), "no agent with labels arm and gpu in eu-west"),
        ((("a1", "gpu"), ("a2", "arm")), ("gpu", "arm"), "no agent in eu-west carries the labels arm and gpu together"),
    ],
)
def test_job_that_nobody_can_take_says_why(
    pool: Scene, agents: tuple[tuple[str, str], ...], labels: tuple[str, ...], reason: str
) -> None:
    for agent, label in agents:
        pool.when(connect(agent, 1, "s", label))
    pool.when(enqueue("r1", labels=labels))
    assert pool.one(e.JobExplained).reason == reason


def test_explanation_is_taken_back_when_an_agent_comes(pool: Scene) -> None:
    pool.when(enqueue("r1", age=5)).when(enqueue("r2")).when(connect("a1"))
    assert [(event.attempt_key, event.reason) for event in pool.all_told(e.JobExplained)] == [
        ("r1/j/1", ""),
        ("r2/j/1", ""),
    ]
    assert granted(pool) == [("r1", "a1")]


def test_busy_agents_are_no_reason_to_explain(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(enqueue("r2")).then_types(e.JobEnqueued)


def test_cancel_takes_out_of_the_queue_or_reaches_the_agent(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(enqueue("r2"))
    pool.when(c.CancelJob(attempt_key="r2/j/1")).then(e.JobDequeued(attempt_key="r2/j/1"))
    pool.when(c.CancelJob(attempt_key="r1/j/1")).then_types(e.LeaseCancelRequested)
    pool.when(c.CancelJob(attempt_key="r1/j/1")).then()
    pool.when(c.CancelJob(attempt_key="unknown/j/1")).then()
    pool.rejects(accept("r1"), "stale-lease")


def test_cancelled_offer_does_not_come_back(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(c.CancelJob(attempt_key="r1/j/1"))
    pool.later(seconds=10).then_types(e.LeaseReleased)


def test_release_frees_the_slot_for_the_next(pool: Scene) -> None:
    pool.when(connect("a1")).when(enqueue("r1")).when(enqueue("r2")).when(release("r1"))
    pool.then_types(e.LeaseReleased, e.LeaseGranted)
    pool.when(release("r1")).then()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (connect("a1", 0), "slots-invalid"),
        (connect("a1", 10**9), "slots-invalid"),
        (connect("", 1), "agent-invalid"),
        (connect("a1", 1, "s", "two\nlines"), "labels-invalid"),
    ],
)
def test_impossible_agent_is_refused(pool: Scene, command: c.ConnectAgent, code: str) -> None:
    pool.rejects(command, code)


def test_empty_pool_may_leave_memory(pool: Scene) -> None:
    assert POOL.finished(pool.state)
    pool.when(connect("a1"))
    assert not POOL.finished(pool.state)
    pool.when(c.DrainAgent(agent_id="a1"))
    assert POOL.finished(pool.state)
