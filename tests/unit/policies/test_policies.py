"""What each event sets off, and where it is sent."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from core.aggregate import Send
from core.aggregates import AGGREGATES, POLICIES
from core.catalog.commands import IgnoreDelivery, SetSchedules
from core.catalog.events import TriggerAccepted
from core.concurrency.commands import EnterGroup, LeaveGroup
from core.concurrency.events import RunAdmitted, RunSuperseded
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import CONTEXT_OF_KIND, Topology
from core.pipeline.plan import Concurrency, Plan, Schedule
from core.pools.commands import CancelJob, EnqueueJob, RecallJobs, ReleaseLease
from core.pools.entries import QueueEntry
from core.pools.events import JobExplained, JobMoved, LeaseAccepted, LeaseLost, PoolRestored
from core.runs import commands as c
from core.runs import events as e
from core.runs.spec import JobSpec, Source
from core.trigger import Trigger

TOPOLOGY = Topology(("us-east", "eu-west"))
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ID = "eu-west-0123456789abcdef"
RUN = Stream("run", ID)
KEY = f"{ID}/unit/2"


def react(event: Message, stream: Stream = RUN, region: str = "eu-west") -> list[Send]:
    envelope = EventEnvelope(
        event_id="e1",
        type=event.TYPE,
        schema_version=1,
        stream=str(stream),
        stream_version=1,
        recorded_at=NOW,
        region=region,
        actor="test",
        correlation_id="f" * 32,
        causation_id="c1",
        chain="",
        data=msgspec.Raw(b"{}"),
    )
    return [send for policy in POLICIES.get(event.TYPE, ()) for send in policy(TOPOLOGY, envelope, event)]


def accepted(region: str) -> TriggerAccepted:
    return TriggerAccepted(
        app="shop",
        trigger=Trigger(trigger_id="t1", source="push", ref="refs/heads/main", delivery_id="d1"),
        run_id=ID,
        number=3,
        region=region,
        repository_url="u",
        default_branch="main",
        pipeline_path="p",
    )


def queued(region: str) -> e.JobQueued:
    spec = JobSpec(
        run_id=ID,
        job_id="unit",
        attempt=2,
        app="shop",
        stage="unit",
        name="unit",
        source=Source("u", "c"),
        env={},
        steps=(),
        timeout_seconds=1,
    )
    return e.JobQueued(
        job_id="unit", attempt=2, stage="unit", region=region, pool="big", labels=("gpu",), priority=4, spec=spec
    )


def planned(default_branch: bool, concurrency: Concurrency | None = None) -> e.RunPlanned:
    plan = Plan(name="p", stages=(), concurrency=concurrency, schedules=(Schedule("0 3 * * *"),))
    return e.RunPlanned(
        app="shop",
        plan=plan,
        commit="c1",
        title="",
        author="",
        default_branch=default_branch,
        round=1,
        number=3,
    )


def test_accepted_trigger_asks_for_its_run_in_its_region() -> None:
    (send,) = react(accepted("eu-west"), Stream("app", "shop"), "us-east")
    assert (send.region, send.stream) == ("eu-west", RUN)
    assert isinstance(send.command, c.RequestRun)
    assert send.command.number == 3


def test_trigger_for_a_region_that_is_gone_is_on_record() -> None:
    (send,) = react(accepted("mars"), Stream("app", "shop"), "us-east")
    assert (send.region, send.stream) == ("us-east", Stream("app", "shop"))
    assert isinstance(send.command, IgnoreDelivery)
    assert (send.command.code, send.command.delivery_id) == ("region-unknown", "d1")


def test_plan_of_the_default_branch_sets_the_schedules_at_home() -> None:
    (send,) = react(planned(True))
    assert send == Send(
        "us-east", Stream("app", "shop"), SetSchedules(schedules=(Schedule("0 3 * * *"),), commit="c1", number=3)
    )
    assert react(planned(False)) == []


def test_run_enters_and_leaves_its_group() -> None:
    group = Stream("concurrency", "shop/prod")
    assert react(planned(False, Concurrency("prod", "newest_only"))) == [
        Send("eu-west", group, EnterGroup(run_id=ID, round=1, policy="newest_only"))
    ]
    again = e.RunRerunRequested(
        app="shop", mode="all", by="ann", stages=(), jobs=(), round=2, concurrency=Concurrency("prod")
    )
    assert react(again) == [Send("eu-west", group, EnterGroup(run_id=ID, round=2, policy="queue"))]
    ended = e.RunFinished(app="shop", outcome="success", round=1, group="prod")
    assert react(ended) == [Send("eu-west", group, LeaveGroup(run_id=ID))]
    assert react(e.RunFinished(app="shop", outcome="success", round=1)) == []


def test_group_admits_and_supersedes() -> None:
    group = Stream("concurrency", "shop/prod")
    assert react(RunAdmitted(run_id=ID, round=2), group) == [Send("eu-west", RUN, c.AdmitRun(round=2))]
    (send,) = react(RunSuperseded(run_id=ID, by="eu-west-1", round=2), group)
    assert isinstance(send.command, c.CancelRun)
    assert (send.command.reason, send.command.round) == ("superseded", 2)


def test_queued_job_is_added_to_the_pool_it_asks_for() -> None:
    (send,) = react(queued("us-east"))
    assert (send.region, send.stream) == ("us-east", Stream("pool", "us-east/big"))
    assert isinstance(send.command, EnqueueJob)
    entry = send.command.entry
    assert (entry.attempt_key, entry.app, entry.priority, entry.labels) == (KEY, "shop", 4, ("gpu",))
    assert (entry.queued_at, entry.correlation_id) == (NOW, "f" * 32)


def test_job_for_an_unknown_region_is_refused() -> None:
    (send,) = react(queued("mars"))
    assert (send.region, send.stream) == ("eu-west", RUN)
    assert isinstance(send.command, c.RefuseJob)
    assert "us-east, eu-west" in send.command.detail


def test_pool_hears_of_cancelled_and_finished_jobs() -> None:
    where: dict[str, Any] = {"job_id": "unit", "attempt": 2, "region": "us-east", "pool": "big"}
    pool = Stream("pool", "us-east/big")
    asked = e.JobCancelRequested(**where, reason="user", grace_seconds=5)
    assert react(asked) == [Send("us-east", pool, CancelJob(attempt_key=KEY, grace_seconds=5))]
    ended = e.JobFinished(**where, stage="unit", epoch=1, outcome="success")
    assert react(ended) == [Send("us-east", pool, ReleaseLease(attempt_key=KEY))]


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (
            LeaseAccepted(attempt_key=KEY, epoch=3, agent_id="a1"),
            c.StartJob(job_id="unit", attempt=2, epoch=3, agent_id="a1"),
        ),
        (
            LeaseLost(attempt_key=KEY, epoch=3, agent_id="a1", reason="agent-lost"),
            c.LoseJob(job_id="unit", attempt=2, epoch=3, reason="agent-lost"),
        ),
        (JobExplained(attempt_key=KEY, reason="why"), c.ExplainJob(job_id="unit", attempt=2, reason="why")),
    ],
)
def test_run_hears_of_its_leases(event: Message, command: Message) -> None:
    assert react(event, Stream("pool", "us-east/big"), "us-east") == [Send("eu-west", RUN, command)]


def test_policies_react_to_events_that_exist() -> None:
    known = {kind.TYPE for aggregate in AGGREGATES for kind in aggregate.events.types}
    assert set(POLICIES) <= known


def test_every_kind_has_its_aggregate() -> None:
    assert sorted(aggregate.kind for aggregate in AGGREGATES) == sorted(CONTEXT_OF_KIND)


ENTRY = QueueEntry(attempt_key=KEY, app="shop", queued_at=NOW, spec=queued("eu-west").spec)


def moved(to: str) -> JobMoved:
    return JobMoved(attempt_key=KEY, to=to, entry=ENTRY, reason="evacuated")


def test_moved_job_is_queued_elsewhere_and_its_run_is_told() -> None:
    sends = react(moved("us-east/gpu"), Stream("pool", "eu-west/gpu"))
    told = c.MoveJob(job_id="unit", attempt=2, region="us-east", pool="gpu", reason="pool eu-west/gpu is evacuated")
    assert sends == [
        Send("us-east", Stream("pool", "us-east/gpu"), EnqueueJob(entry=ENTRY)),
        Send("eu-west", RUN, told),
    ]


def test_job_moved_to_a_region_that_is_not_there_ends_instead_of_vanishing() -> None:
    (send,) = react(moved("atlantis/gpu"), Stream("pool", "eu-west/gpu"))
    assert (send.stream, type(send.command), send.command.code) == (RUN, c.RefuseJob, "region-unknown")  # type: ignore[attr-defined]


def test_restored_pool_calls_back_from_its_fallback_pools() -> None:
    restored = PoolRestored(reason="asked", fallback=("us-east/gpu", "atlantis/gpu"))
    assert react(restored, Stream("pool", "eu-west/gpu")) == [
        Send("us-east", Stream("pool", "us-east/gpu"), RecallJobs(pool="eu-west/gpu"))
    ]
