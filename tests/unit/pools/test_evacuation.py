"""A pool that can't run its jobs gives them away, and takes them back."""

from datetime import timedelta
from typing import Any

import pytest

from core.aggregate import Tick
from core.pools import commands as c
from core.pools import events as e
from core.pools.aggregate import POOL
from core.pools.evacuation import MOVES_AT_ONCE
from tests.support.given import START, Scene, given
from tests.unit.pools.test_scheduling import accept, connect, enqueue, entry, granted

EVACUATE = c.EvacuatePool(by="ann")
RESTORE = c.RestorePool(by="ann")


def configure(*fallback: str, after: int = 20) -> c.ConfigurePool:
    return c.ConfigurePool(fallback=fallback, evacuate_after_seconds=after)


def moves(scene: Scene) -> list[tuple[str, str]]:
    return [(event.attempt_key.partition("/")[0], event.to) for event in scene.all_told(e.JobMoved)]


def reasons(scene: Scene) -> list[str]:
    return [event.reason for event in scene.all_told(e.JobExplained)]


@pytest.fixture
def pool() -> Scene:
    scene = given(POOL, "eu-west/default").when(connect("a1"))
    return scene.when(configure("us-east/default", "ap-south/default"))


def fill(scene: Scene, *runs: str, **more: Any) -> Scene:
    for run in runs:
        scene.when(enqueue(run, **more))
    return scene


def test_pool_without_agents_is_evacuated_after_its_time(pool: Scene) -> None:
    fill(pool, "r1", "r2")
    pool.later(seconds=30)
    assert pool.one(e.PoolDeserted).evacuate_at == START + timedelta(seconds=50)
    assert moves(pool) == []
    pool.later(seconds=20)
    assert pool.one(e.PoolEvacuated).reason == "no-agents"
    assert moves(pool) == [("r2", "us-east/default"), ("r1", "us-east/default")]
    pool.check_restored()


def test_agent_that_comes_in_time_prevents_it(pool: Scene) -> None:
    pool.later(seconds=30).when(connect("a2")).later(seconds=25)
    assert pool.told == ()


def test_without_fallback_a_pool_is_never_evacuated_by_itself() -> None:
    pool = given(POOL, "eu-west/default").when(connect("a1"))
    fill(pool, "r1", "r2")
    pool.later(seconds=30).later(hours=2)
    assert not [event for event in pool.events if isinstance(event, e.PoolDeserted | e.PoolEvacuated)]


def test_running_and_offered_jobs_stay_and_waiting_ones_move(pool: Scene) -> None:
    pool.when(connect("a1", 2, "s2"))
    fill(pool, "running", "offered", "waiting").when(accept("running"))
    pool.when(EVACUATE)
    assert moves(pool) == [("waiting", "us-east/default")]
    assert set(pool.state.leases) == {"running/j/1", "offered/j/1"}
    pool.later(seconds=10)
    assert moves(pool) == [("offered", "us-east/default")]
    pool.when(c.ReleaseLease(attempt_key="running/j/1"))
    assert granted(pool) == []


def test_moved_attempt_keeps_its_epoch_and_knows_where_it_was(pool: Scene) -> None:
    fill(pool, "r1").when(EVACUATE).later(seconds=10)
    moved = pool.one(e.JobMoved).entry
    assert (moved.epoch, moved.moved_from) == (1, ("eu-west/default",))

    other = given(POOL, "us-east/default").when(connect("b1")).when(c.EnqueueJob(entry=moved))
    assert other.one(e.LeaseGranted).epoch == 2


def test_job_sees_the_region_it_runs_in(pool: Scene) -> None:
    waiting = entry("r1")
    waiting.spec.env.update(REGION="eu-west", OTHER="x")
    pool.when(EVACUATE).when(c.EnqueueJob(entry=waiting))
    assert pool.one(e.JobMoved).entry.spec.env == {"REGION": "us-east", "OTHER": "x"}


def test_job_that_comes_to_an_evacuated_pool_moves_on(pool: Scene) -> None:
    fill(pool.when(EVACUATE), "r1")
    pool.then_types(e.JobEnqueued, e.JobMoved)


def test_job_never_comes_back_to_a_pool_it_was_moved_out_of(pool: Scene) -> None:
    pool.when(EVACUATE)
    fill(pool, "r1", moved_from=("us-east/default",))
    assert moves(pool) == [("r1", "ap-south/default")]
    fill(pool, "r2", moved_from=("us-east/default", "ap-south/default"))
    assert moves(pool) == []
    assert reasons(pool) == [
        "pool default in eu-west is evacuated: it was moved out of all fallback pools as well, and waits"
    ]


def test_job_whose_pipeline_names_the_region_waits_and_says_so(pool: Scene) -> None:
    fill(pool.when(EVACUATE), "r1", pinned=True)
    assert moves(pool) == []
    assert reasons(pool) == [
        "pool default in eu-west is evacuated: the pipeline names this region, so the job waits for it"
    ]
    pool.when(RESTORE)
    assert granted(pool) == [("r1", "a1")]
    assert pool.state.queue == {}


def test_jobs_of_a_pool_without_fallback_wait_and_say_so() -> None:
    pool = fill(given(POOL, "eu-west/default").when(connect("a1")), "busy", "r1").when(EVACUATE)
    assert reasons(pool) == [
        "pool default in eu-west is evacuated: no fallback pool is set, so its jobs may not leave and wait"
    ]
    assert "r1/j/1" in pool.state.queue


def test_fallback_named_later_is_used_at_once() -> None:
    pool = fill(given(POOL, "eu-west/default").when(connect("a1")), "busy", "r1").when(EVACUATE)
    assert moves(pool.when(configure("us-east/default"))) == [("r1", "us-east/default")]


def test_first_agent_back_ends_an_evacuation_that_nobody_asked_for(pool: Scene) -> None:
    pool.later(seconds=30).later(seconds=20)
    fill(pool, "r1")
    pool.when(connect("a1", session="s2"))
    assert pool.one(e.PoolRestored).fallback == ("us-east/default", "ap-south/default")
    assert granted(fill(pool, "r2")) == [("r2", "a1")]


def test_evacuation_that_was_asked_for_ends_only_when_asked(pool: Scene) -> None:
    pool.when(EVACUATE).when(connect("a2"))
    assert not pool.all_told(e.PoolRestored)
    pool.when(EVACUATE).then()
    assert pool.when(RESTORE).one(e.PoolRestored).by == "ann"
    pool.when(RESTORE).then()


def test_asking_for_what_happened_by_itself_makes_it_last(pool: Scene) -> None:
    pool.later(seconds=30).later(seconds=20)
    since = pool.state.evacuation.at
    assert pool.when(EVACUATE).one(e.PoolEvacuated).reason == "asked"
    assert pool.state.evacuation.at == since
    assert not pool.when(connect("a1", session="s2")).all_told(e.PoolRestored)


def test_restored_pool_without_agents_is_evacuated_again_in_time(pool: Scene) -> None:
    pool.later(seconds=30).later(seconds=20)
    assert pool.when(RESTORE).one(e.PoolDeserted).evacuate_at == START + timedelta(seconds=70)
    pool.later(seconds=20)
    assert pool.one(e.PoolEvacuated).reason == "no-agents"


def test_recalled_jobs_go_back_but_not_those_that_run() -> None:
    fallback = given(POOL, "us-east/default").when(connect("b1"))
    fill(fallback, "own-running", "own")
    fill(fallback, "guest", moved_from=("x/y", "eu-west/default", "ap-south/default"))
    fallback.when(c.RecallJobs(pool="eu-west/default"))
    moved = fallback.one(e.JobMoved)
    assert (moved.to, moved.reason, moved.entry.moved_from) == ("eu-west/default", "restored", ("x/y",))
    fallback.when(c.RecallJobs(pool="eu-west/default")).then()


def test_long_queue_moves_in_several_decisions(pool: Scene) -> None:
    fill(pool, *(f"r{number}" for number in range(2 * MOVES_AT_ONCE + 2)))
    pool.when(EVACUATE)
    assert len(moves(pool)) == MOVES_AT_ONCE
    assert POOL.deadline(pool.state) == START
    assert len(moves(pool.when(Tick()))) == MOVES_AT_ONCE
    assert len(moves(pool.when(Tick()))) == 1
    assert pool.one(e.EvacuationProgressed).next_at is None
    assert not pool.state.queue
    assert POOL.deadline(pool.state) != START
    pool.check_restored()


@pytest.mark.parametrize(
    "command",
    [
        configure("eu-west/default"),
        configure("us-east/default", "us-east/default"),
        configure("us-east"),
        configure("us-east/a/b"),
        configure(*(f"us-east/{n}" for n in range(21))),
        configure("us-east/default", after=-1),
        configure("us-east/default", after=90_000),
    ],
)
def test_impossible_fallback_is_refused(pool: Scene, command: c.ConfigurePool) -> None:
    pool.rejects(command, "fallback-invalid")


def test_pool_with_settings_stays_in_memory() -> None:
    pool = given(POOL, "eu-west/default").when(configure("us-east/default"))
    assert not POOL.finished(pool.state)
