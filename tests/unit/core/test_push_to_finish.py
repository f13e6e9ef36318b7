"""From a push to a finished run, through all aggregates and policies, without a log."""

from datetime import timedelta
from typing import Any

import pytest

from core.catalog.commands import CreateApp, SubmitTrigger
from core.eventlog.envelope import Stream
from core.pipeline.plan import Concurrency, JobPlan, Need, Plan, StagePlan, Step
from core.pools.commands import AcceptLease, ConnectAgent, RecordHeartbeats
from core.pools.events import LeaseGranted
from core.runs.commands import CancelRun, FinishJob, PlanRun
from core.runs.events import JobBlocked, RunFinished
from core.runs.spec import Outcome
from core.trigger import Trigger
from tests.support.household import Household

POOL = "pool/us-east/default"
POOL_STREAM = Stream.parse(POOL)


def stage(name: str, *needs: str, labels: tuple[str, ...] = ()) -> StagePlan:
    job = JobPlan(id=name, name=name, steps=(Step(name="do", run="true"),), labels=labels)
    return StagePlan(name=name, jobs=(job,), needs=tuple(map(Need, needs)))


def push(house: Household, before: str, commit: str, delivery: str = "") -> list[str]:
    trigger = Trigger(
        trigger_id=delivery or commit, source="push", ref="refs/heads/main", branch="main", before=before, commit=commit
    )
    return [event.TYPE for event in house.send("app/shop", SubmitTrigger(trigger=trigger))]


@pytest.fixture
def house() -> Household:
    house = Household()
    house.send("app/shop", CreateApp(name="shop", repository_url="https://forge/shop.git", region="us-east"))
    house.send(POOL, ConnectAgent(agent_id="a1", session="s1", slots=2))
    return house


def run_ids(house: Household) -> list[str]:
    return list(dict.fromkeys(stream.id for stream, _ in house.events if stream.kind == "run"))


def grants(house: Household) -> list[LeaseGranted]:
    return [event for _, event in house.events if isinstance(event, LeaseGranted)]


def work(house: Household, grant: LeaseGranted, outcome: Outcome = "success") -> None:
    held: dict[str, Any] = {"epoch": grant.epoch, "agent_id": grant.agent_id}
    house.send(POOL, AcceptLease(attempt_key=grant.attempt_key, **held))
    run, job, attempt = grant.attempt_key.split("/")
    house.send(f"run/{run}", FinishJob(job_id=job, attempt=int(attempt), outcome=outcome, **held))


def outcomes(house: Household) -> list[str]:
    return [event.outcome for _, event in house.events if isinstance(event, RunFinished)]


def plan(house: Household, run: str, *stages: StagePlan, concurrency: Concurrency | None = None) -> None:
    house.send(f"run/{run}", PlanRun(plan=Plan(name="p", stages=stages, concurrency=concurrency), commit="c1"))


def test_push_becomes_a_finished_run(house: Household) -> None:
    push(house, "b0", "c1")
    (run,) = run_ids(house)
    plan(house, run, stage("lint"), stage("unit"), stage("build", "lint", "unit"))
    done = 0
    while done < len(grants(house)):
        work(house, grants(house)[done])
        done += 1
    assert done == 3
    assert outcomes(house) == ["success"]
    assert not house.rejections


def test_same_push_under_another_delivery_makes_no_second_run(house: Household) -> None:
    push(house, "b0", "c1", "delivery-1")
    assert push(house, "b0", "c1", "delivery-2") == ["delivery.ignored"]
    assert len(run_ids(house)) == 1


def test_force_push_there_and_back_again_makes_a_run_each(house: Household) -> None:
    push(house, "b0", "c1", "1")
    push(house, "c1", "b0", "2")
    assert "run.requested" in push(house, "b0", "c1", "3")


def test_lost_agent_leads_to_a_new_attempt(house: Household) -> None:
    push(house, "b0", "c1")
    plan(house, run_ids(house)[0], stage("unit"))
    first = grants(house)[0]
    house.send(POOL, AcceptLease(attempt_key=first.attempt_key, epoch=first.epoch, agent_id="a1"))
    house.pass_time(31)
    house.send(POOL, ConnectAgent(agent_id="a2", session="s2", slots=1))
    second = grants(house)[1]
    assert second.attempt_key.endswith("/unit/2")
    work(house, second)
    assert outcomes(house) == ["success"]
    stale = FinishJob(job_id="unit", attempt=1, epoch=first.epoch, agent_id="a1", outcome="failure")
    house.send(f"run/{run_ids(house)[0]}", stale)
    assert [refused.code for refused in house.rejections] in ([], ["stale-lease"], ["run-finished"])
    assert outcomes(house) == ["success"]


def test_unaccepted_offer_goes_back_into_the_queue(house: Household) -> None:
    house.send(POOL, ConnectAgent(agent_id="a2", session="s2", slots=1))
    push(house, "b0", "c1")
    plan(house, run_ids(house)[0], stage("unit"))
    house.send(POOL, RecordHeartbeats(agents=("a1", "a2")))
    house.pass_time(10)
    first, second = grants(house)
    assert (first.agent_id, second.agent_id) == ("a1", "a2")
    house.send(POOL, AcceptLease(attempt_key=first.attempt_key, epoch=first.epoch, agent_id="a1"))
    assert house.rejections[-1].code == "stale-lease"


def test_job_without_a_fitting_agent_says_so(house: Household) -> None:
    push(house, "b0", "c1")
    (run,) = run_ids(house)
    plan(house, run, stage("train", labels=("gpu",)))
    blocked = [event.reason for _, event in house.events if isinstance(event, JobBlocked)]
    assert blocked == ["no agent with label gpu in us-east"]
    house.send(POOL, ConnectAgent(agent_id="g1", session="s", slots=1, labels=("gpu",)))
    assert grants(house)[0].agent_id == "g1"


def test_cancel_of_a_queued_run_ends_it_at_once(house: Household) -> None:
    push(house, "b0", "c1")
    (run,) = run_ids(house)
    plan(house, run, stage("train", labels=("gpu",)))
    house.send(f"run/{run}", CancelRun(by="ann"))
    assert outcomes(house) == ["cancelled"]
    assert not house.state(POOL_STREAM).queue


@pytest.mark.parametrize(("policy", "survivors"), [("queue", 3), ("cancel_running", 1), ("newest_only", 2)])
def test_concurrency_group_admits_one_at_a_time(house: Household, policy: Any, survivors: int) -> None:
    for number in range(3):
        push(house, f"c{number}", f"c{number + 1}")
    for run in run_ids(house):
        plan(house, run, stage("deploy"), concurrency=Concurrency("prod", policy))
    for _ in range(10):
        for grant in grants(house):
            lease = house.state(POOL_STREAM).leases.get(grant.attempt_key)
            if lease is not None:
                work(house, grant)
        house.now += timedelta(seconds=1)
    assert sorted(outcomes(house)).count("success") == survivors
    assert len(outcomes(house)) == 3
