"""Realistic histories in the log in memory: what the real aggregates decide, as records of their topics."""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec

from core.catalog.commands import ArchiveApp, CreateApp, CreatePrincipal, IgnoreDelivery, IssueToken, SubmitTrigger
from core.concurrency.events import RunQueued
from core.delivery import Delivery, encode_delivery
from core.eventlog.chain import GENESIS, seal
from core.eventlog.dead_letters import DeadLetter
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import encode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import CONTEXT_OF_KIND, DEAD_LETTERS_TOPIC, WEBHOOKS_TOPIC, events_topic
from core.notifications.cdevents import Occurrence
from core.notifications.commands import (
    CreateSubscription,
    EnableSubscription,
    Notify,
    ReportAttempt,
    RotateSecret,
    UpdateSubscription,
)
from core.notifications.notification import Sink, Wanted, notification_of
from core.pipeline.plan import Approval, Concurrency, JobPlan, Need, Plan, StagePlan, Step
from core.pools.commands import AcceptLease, ConnectAgent
from core.pools.events import LeaseGranted
from core.ports import OutgoingRecord, TopicPartition
from core.runs.commands import ApproveStage, CancelRun, FinishJob, InvalidateRun, PlanRun, RerunRun
from core.trigger import Trigger
from infra.memory.log import MemoryLog
from projections.facts import CATALOGUES
from projections.projector import PROJECTED_TOPICS
from tests.support.household import START, TOPOLOGY, Household

POOL = "pool/us-east/default"
_STEPS = (Step(name="checkout", uses="git-checkout"), Step(name="test", run="true"))


def new_log() -> MemoryLog:
    log = MemoryLog()
    for spec in TOPOLOGY.topic_specs():
        log.create(spec)
    return log


class History:
    """Writes what a household decided into a log, in order; call `flush` as often as you like."""

    def __init__(self) -> None:
        self.log = new_log()
        self.house = Household()
        self._written = 0
        self._versions: Counter[Stream] = Counter()
        self._chains: dict[TopicPartition, str] = {}
        self._worked: set[tuple[str, int]] = set()
        self.house.send("app/shop", CreateApp(name="shop", repository_url="https://forge/Shop.git", region="us-east"))
        self.house.send(POOL, ConnectAgent(agent_id="a1", session="s1", slots=4))

    def push(self, number: int) -> str:
        """A push that asks for a run; answers with the run's id."""
        trigger = Trigger(
            trigger_id=f"d{number}",
            source="push",
            ref="refs/heads/main",
            branch="main",
            before=f"{number - 1:040x}",
            commit=f"{number:040x}",
            author="ada",
            delivery_id=f"d{number}",
        )
        self.write_delivery(f"d{number}")
        self.house.send("app/shop", SubmitTrigger(trigger=trigger))
        self.flush()
        return next(stream.id for stream, _ in reversed(self.house.events) if stream.kind == "run")

    def plan(self, run: str, *stages: StagePlan, group: str = "") -> None:
        concurrency = Concurrency(group) if group else None
        plan = Plan(name="p", stages=stages, concurrency=concurrency)
        self.send(f"run/{run}", PlanRun(plan=plan, commit="c" * 40, title="A change", author="ada"))

    def send(self, stream: str, command: Message) -> None:
        self.house.send(stream, command)
        self.flush()

    def tell(self, stream: str, *events: Message) -> None:
        """Events as if some aggregate had decided them."""
        for event in events:
            self.house.events.append((Stream.parse(stream), event))
        self.flush()

    def work(self, outcome: Any = "success") -> None:
        """The agent takes and ends whatever is offered, until nothing is."""
        while grants := [grant for grant in self._grants() if (grant.attempt_key, grant.epoch) not in self._worked]:
            for grant in grants:
                self._worked.add((grant.attempt_key, grant.epoch))
                held: dict[str, Any] = {"epoch": grant.epoch, "agent_id": grant.agent_id}
                self.house.send(POOL, AcceptLease(attempt_key=grant.attempt_key, **held))
                run, job, attempt = grant.attempt_key.split("/")
                self.house.send(f"run/{run}", FinishJob(job_id=job, attempt=int(attempt), outcome=outcome, **held))
        self.flush()

    def _grants(self) -> list[LeaseGranted]:
        return [event for _, event in self.house.events if isinstance(event, LeaseGranted)]

    def write_delivery(self, delivery_id: str) -> None:
        delivery = Delivery(
            delivery_id=delivery_id,
            forge="github",
            event="push",
            apps=("shop",),
            received_at=START,
            body=b'{"ref": "\x00"}',
            headers={"x-github-event": "push"},
        )
        self.append(WEBHOOKS_TOPIC, 0, encode_delivery(delivery))

    def write_dead_letter(self) -> None:
        letter = DeadLetter(
            code="command-unknown",
            detail="type 'x' is unknown",
            topic="sealane.runs.commands",
            partition=1,
            offset=7,
            recorded_at=START,
            key=b"run/x",
            value=b"\x00\xff",
        )
        self.append(DEAD_LETTERS_TOPIC, 1, msgspec.json.encode(letter))

    def append(self, topic: str, partition: int, value: bytes) -> int:
        with self.log.call("history", "append"):
            return self.log.append(OutgoingRecord(topic, partition, b"", value))

    def flush(self) -> None:
        for stream, event in self.house.events[self._written :]:
            self._write(stream, event)
            self._written += 1

    def _write(self, stream: Stream, event: Message) -> None:
        region = _region(stream)
        topic = events_topic(CONTEXT_OF_KIND[stream.kind])
        partition = TopicPartition(topic, TOPOLOGY.partition(region, str(stream)))
        self._versions[stream] += 1
        envelope = EventEnvelope(
            event_id=f"{self._written:08d}",
            type=event.TYPE,
            schema_version=event.VERSION,
            stream=str(stream),
            stream_version=self._versions[stream],
            recorded_at=START + timedelta(milliseconds=self._written),
            region=region,
            actor="ada",
            correlation_id=f"{self._written:032x}",
            causation_id=f"cause-{self._written}",
            chain="",
            data=CATALOGUES[stream.kind].encode(event),
        )
        sealed = seal(self._chains.get(partition, GENESIS), envelope)
        self._chains[partition] = sealed.chain
        self.append(topic, partition.partition, encode_event(sealed))

    def total(self) -> int:
        """How many records the views are made of."""
        return sum(self.log.partition(where).end for where in self.log.all_partitions() if where[0] in PROJECTED_TOPICS)


def _region(stream: Stream) -> str:
    """A place has its region last, whatever else has one has it first."""
    name = stream.id.rpartition("/")[2] if stream.kind == "environment" else stream.id
    return next((each for each in TOPOLOGY.regions if name.startswith(each)), TOPOLOGY.home_region)


def stage(name: str, *needs: str, approval: Approval | None = None, jobs: int = 1) -> StagePlan:
    names = [name] if jobs == 1 else [f"{name}-{n}" for n in range(1, jobs + 1)]
    plans = tuple(JobPlan(id=each, name=each, steps=_STEPS) for each in names)
    return StagePlan(name=name, jobs=plans, needs=tuple(map(Need, needs)), approval=approval)


def full_history(runs: int = 3) -> History:
    """Runs that succeed, fail, wait, queue, are cancelled, run again or are invalid; people; deliveries; pools."""
    history = History()
    history.send("principal/ada", CreatePrincipal(name="ada", roles=("developer",), groups=("release",)))
    history.send("principal/ada", IssueToken(token_id="t1", token_hash="h" * 64))
    for number in range(1, runs + 1):
        run = history.push(number)
        history.plan(run, stage("lint"), stage("unit", jobs=3), stage("build", "lint", "unit"), group="main")
        history.work("success" if number % 2 else "failure")
        if number % 3 == 0:
            history.send(f"run/{run}", RerunRun(mode="all", by="ada"))
            history.work()
    waiting = history.push(runs + 1)
    history.plan(waiting, stage("deploy", approval=Approval(count=2)), group="main")
    history.send(f"run/{waiting}", ApproveStage(stage="deploy", by="bob", comment="fine"))
    behind = history.push(runs + 2)
    history.plan(behind, stage("lint"), group="main")
    assert any(isinstance(event, RunQueued) for _, event in history.house.events)
    cancelled = history.push(runs + 3)
    history.plan(cancelled, stage("unit", jobs=6))
    history.send(f"run/{cancelled}", CancelRun(by="ada"))
    broken = history.push(runs + 4)
    history.send(f"run/{broken}", InvalidateRun(commit="c" * 40, problems=()))
    history.send("app/shop", IgnoreDelivery(delivery_id="ping-1", code="ping", detail="a ping"))
    history.send("app/old", CreateApp(name="old", repository_url="https://forge/old.git", region="eu-west"))
    history.send("app/old", ArchiveApp())
    history.write_dead_letter()
    tell_somebody(history)
    return history


def tell_somebody(history: History) -> None:
    """Notifications that are delivered, wait, are given up and dropped; a subscription that is gone in the end."""
    stream = "subscription/ops"
    sink = Sink("webhook", url="https://hooks.example.com")
    history.send(stream, CreateSubscription(name="ops", sink=sink, wanted=Wanted(types=("service.*",))))
    for number in range(6):
        occurrence = Occurrence("pipelinerun.queued", f"e{number}", START, "run", {"pipelineName": "shop\x00"})
        made = notification_of(occurrence, "https://sealane.example.com", "ops", title=f"shop #{number}", app="shop")
        history.send(stream, Notify(notification=made))
        if number < 3:
            history.send(stream, ReportAttempt(id=made.id, attempt=1, ok=number == 0, code="why", final=number == 2))
    history.send(stream, RotateSecret())
    history.send(stream, UpdateSubscription(apps=("shop",)))
    history.send(stream, ReportAttempt(id=made.id, attempt=1, ok=False, status=410, code="gone", gone=True))
    history.send(stream, EnableSubscription(by="ada"))
    history.send(stream, Notify(notification=made, manual=True))
