"""Pools and runs together while pools are evacuated and restored: a job is in one place, and everything ends."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.eventlog.envelope import Stream
from core.pools import commands as p
from core.pools import events as e
from core.pools.entries import HeldLease
from core.runs import commands as c
from core.runs.events import JobFinished, JobMoved, JobMoveRefused, JobStarted
from tests.support.household import Household
from tests.unit.core.test_everything_ends import OUTCOMES, Day, check_one_live_attempt

HOME, AWAY = "pool/us-east/default", "pool/eu-west/default"
STOP = c.CancelRun(by="ann", force=True)
AGENT_OF = {HOME: "a1", AWAY: "b1"}
REGION_OF = {HOME: "us-east", AWAY: "eu-west"}


class TwoPools(Day):
    """Each pool is the other's fallback."""

    def __init__(self) -> None:
        super().__init__()
        for pool, other in ((HOME, AWAY), (AWAY, HOME)):
            settings = p.ConfigurePool(fallback=(other.removeprefix("pool/"),), evacuate_after_seconds=20)
            self.tell(pool, settings)

    def tell(self, pool: str, command: Any) -> None:
        self.house.send(pool, command, REGION_OF[pool])

    def state(self, pool: str) -> Any:
        return self.house.state(Stream.parse(pool))

    @property
    def held(self) -> list[tuple[str, str, Any]]:
        return [(pool, key, lease) for pool in AGENT_OF for key, lease in self.state(pool).leases.items()]

    def connect(self, choice: int) -> None:
        pool = (HOME, AWAY)[choice % 2]
        held = tuple(HeldLease(key, lease.epoch) for key, lease in self.state(pool).leases.items())
        self.sessions += 1
        keeps = held if choice % 3 else ()
        self.tell(pool, p.ConnectAgent(agent_id=AGENT_OF[pool], session=f"s{self.sessions}", slots=2, held=keeps))

    def accept(self, choice: int) -> None:
        for pool, key, lease in self.held[choice % 3 :][:1]:
            self.tell(pool, p.AcceptLease(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id))

    def finish(self, choice: int) -> None:
        for _, key, lease in self.held[choice % 3 :][:1]:
            self.report(key, lease, OUTCOMES[choice % len(OUTCOMES)])

    def evacuate(self, choice: int) -> None:
        self.tell((HOME, AWAY)[choice % 2], p.EvacuatePool(by="ann"))

    def restore(self, choice: int) -> None:
        self.tell((HOME, AWAY)[choice % 2], p.RestorePool(by="ann"))

    def finish_everything(self) -> None:
        for round_ in range(300):
            for number, (pool, agent) in enumerate(AGENT_OF.items()):
                self.tell(pool, p.RestorePool(by="ann"))
                if agent not in self.state(pool).agents:
                    self.connect(number)
                self.tell(pool, p.RecordHeartbeats(agents=(agent,)))
            for pool, key, lease in self.held:
                if not lease.accepted:
                    self.tell(pool, p.AcceptLease(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id))
                self.report(key, lease, "success")
            if all(self.run_state(run).status == "finished" for run in self.runs) and round_ > 20:
                return
            self.house.pass_time(10)


WORDS = some.sampled_from(
    ("push", "connect", "accept", "accept", "finish", "cancel", "rerun", "pass_time", "evacuate", "restore")
)


def in_one_place(house: Household) -> None:
    """No attempt is in the hands of two pools, and none runs for which its run has another place in mind."""
    states = [house.state(Stream.parse(pool)) for pool in AGENT_OF]
    places = [key for state in states for key in (*state.queue, *state.leases)]
    assert len(places) == len(set(places))


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(WORDS, some.integers(0, 11)), min_size=12, max_size=60))
def test_evacuations_lose_nothing_and_run_nothing_twice(words: list[tuple[str, int]]) -> None:
    day = TwoPools()
    for word, choice in words:
        getattr(day, word)(choice)
        in_one_place(day.house)
    day.finish_everything()
    assert [day.run_state(run).status for run in day.runs] == ["finished"] * len(day.runs)
    assert not day.held
    assert not any(day.state(pool).queue for pool in AGENT_OF)
    check_one_live_attempt(day)


@pytest.fixture
def day() -> TwoPools:
    """One run, whose first three jobs wait at home, where no agent is."""
    day = TwoPools()
    day.push(0)
    assert len(day.state(HOME).queue) == 3
    return day


def events(day: TwoPools, kind: type[Any]) -> list[Any]:
    return [event for _, event in day.house.events if isinstance(event, kind)]


def test_run_knows_where_its_jobs_went(day: TwoPools) -> None:
    day.evacuate(0)
    told = events(day, JobMoved)
    assert [(event.job_id, event.region, event.pool) for event in told] == [
        ("a-0", "eu-west", "default"),
        ("a-1", "eu-west", "default"),
        ("b-0", "eu-west", "default"),
    ]
    assert told[0].reason == "pool us-east/default is evacuated"
    day.connect(1)
    day.accept(0)
    day.accept(1)
    assert len(events(day, JobStarted)) == 2
    day.finish(0)
    assert events(day, JobFinished)[0].region == "eu-west"
    assert len(day.held) == 2


def test_cancel_reaches_the_pool_a_job_was_moved_to(day: TwoPools) -> None:
    day.evacuate(0)
    day.house.send(f"run/{day.runs[0]}", STOP)
    assert not day.state(AWAY).queue
    assert day.run_state(day.runs[0]).status == "finished"


def test_job_that_ended_on_its_way_is_dropped_where_it_arrives(day: TwoPools) -> None:
    """The cancel went to the pool that the job had just left."""
    run = day.runs[0]
    day.evacuate(0)
    day.tell(AWAY, p.ConnectAgent(agent_id="b1", session="s", slots=2))
    day.house.send(f"run/{run}", STOP)
    assert not day.held
    late = c.MoveJob(job_id="a-0", attempt=1, region="eu-west", pool="default", reason="late")
    entry = next(event.entry for event in events(day, e.JobMoved))
    day.tell(AWAY, p.EnqueueJob(entry=entry))
    assert len(day.held) == 1
    day.house.send(f"run/{run}", late)
    assert events(day, JobMoveRefused)
    assert not day.held


def test_restored_pool_calls_its_waiting_jobs_back(day: TwoPools) -> None:
    day.evacuate(0)
    day.restore(0)
    assert len(day.state(HOME).queue) == 3
    assert not day.state(AWAY).queue
    assert events(day, JobMoved)[-1].reason == "pool us-east/default works again"


def test_lost_agents_jobs_are_tried_again_elsewhere() -> None:
    day = TwoPools()
    day.connect(0)
    day.push(0)
    day.accept(0)
    day.accept(1)
    day.house.pass_time(30)
    day.house.pass_time(20)
    assert {key.partition("/")[2] for key in day.state(AWAY).queue} == {"a-0/2", "a-1/2", "b-0/1"}
