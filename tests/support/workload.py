"""Whole runs through the real shell and all aggregates: what reads pipeline files and what works on jobs answers at
once, in this process, over any log. For histories of the size one wants: nothing is built.
"""

import itertools
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import msgspec

from core.aggregates import AGGREGATES, POLICIES
from core.catalog.commands import CreateApp, SubmitTrigger
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event, make_command, to_record
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology, events_topic
from core.ids import derived_id, region_of_run, trace_id
from core.pipeline.plan import Plan, StagePlan
from core.pools.commands import AcceptLease, ConnectAgent, RecordHeartbeats
from core.pools.events import LeaseGranted
from core.ports import Clock, LogReader, OutgoingRecord, Producer, TopicPartition
from core.runs.commands import ApproveStage, FinishJob, PlanRun, ReportStep
from core.runs.events import JobStarted, RunRequested
from core.trigger import Trigger
from infra.clock import SystemClock
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer, MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader
from processors.shell import Processor
from tests.support.histories import stage

CATALOGUES = {aggregate.kind: aggregate.commands for aggregate in AGGREGATES}
HEARTBEAT = timedelta(seconds=8)
SLOTS = 500
PIPELINE = (stage("lint"), stage("unit"), stage("build", "lint", "unit"), stage("e2e", "build"), stage("ship", "build"))


class Workload:
    """`turn()` lets everybody work once. Runs live in the region of their app: app n in region n modulo regions."""

    def __init__(
        self,
        topology: Topology,
        processor: Processor,
        producer: Producer,
        reader: LogReader,
        clock: Clock,
        stages: tuple[StagePlan, ...] = PIPELINE,
        resume: bool = False,
    ) -> None:
        self.finished = 0
        self.events = 0
        self._topology = topology
        self._processor = processor
        self._producer = producer
        self._reader = reader
        self._clock = clock
        self._stages = stages
        self._numbers = itertools.count()
        self._heard = clock.now()
        where = [
            TopicPartition(events_topic(each), n) for each in ("runs", "pools") for n in range(topology.partitions)
        ]
        reader.assign({each: reader.bounds(each)[1 if resume else 0] for each in where})
        self._answers: dict[str, Callable[[EventEnvelope], Iterable[OutgoingRecord]]] = {
            "run.requested": self._plan,
            "lease.granted": self._accept,
            "job.started": self._work,
        }

    def connect_agents(self, session: str = "s1") -> None:
        for region in self._topology.regions:
            self._say(f"pool/{region}/default", region, ConnectAgent(agent_id="a1", session=session, slots=SLOTS))

    def create_apps(self, count: int) -> None:
        for number in range(count):
            command = CreateApp(
                name=f"app-{number}", repository_url=f"https://forge/{number}.git", region=self._home(number)
            )
            self._say(f"app/app-{number}", self._topology.home_region, command)

    def push(self, app: int, number: int) -> None:
        """`number` tells this push from all others."""
        trigger = Trigger(
            trigger_id=f"d{number}",
            source="push",
            ref="refs/heads/main",
            branch="main",
            before=f"{number:040x}",
            commit=f"{number + 1:040x}",
            author="ada",
            delivery_id=f"d{number}",
            changed_paths=("src/main.py", "README.md"),
        )
        self._say(f"app/app-{app}", self._topology.home_region, SubmitTrigger(trigger=trigger))

    def approve(self, run: str, stage_name: str) -> None:
        self._say(f"run/{run}", region_of_run(run), ApproveStage(stage=stage_name, by="ada"))

    def turn(self, seconds: float = 0.0) -> int:
        """How many commands were decided and answers given."""
        done = self._processor.run_once(seconds)
        answers: list[OutgoingRecord] = []
        for record in self._reader.poll(5000, 0):
            event = decode_event(record.value or b"")
            self.events += 1
            self.finished += event.type == "run.finished"
            answer = self._answers.get(event.type)
            if answer is not None:
                answers += answer(event)
        if self._clock.now() - self._heard > HEARTBEAT:
            self._heard = self._clock.now()
            for region in self._topology.regions:
                self._say(f"pool/{region}/default", region, RecordHeartbeats(agents=("a1",)))
        self._producer.send_all(answers)
        return done + len(answers)

    def close(self) -> None:
        self._processor.close()
        self._reader.close()
        self._producer.close()

    def settle(self, rounds: int = 5) -> None:
        """Until nothing has happened for some turns."""
        idle = 0
        while idle < rounds:
            idle = 0 if self.turn(0.05) or self._processor.waiting else idle + 1

    def _home(self, app: int) -> str:
        return self._topology.regions[app % len(self._topology.regions)]

    def _plan(self, event: EventEnvelope) -> Iterable[OutgoingRecord]:
        asked = msgspec.json.decode(event.data, type=RunRequested)
        plan = Plan(name="p", stages=self._stages)
        answer = PlanRun(plan=plan, commit=asked.trigger.commit, title="A change to the code", author="ada")
        yield self._command(event.stream, event.region, answer, event.event_id)

    def _accept(self, event: EventEnvelope) -> Iterable[OutgoingRecord]:
        grant = msgspec.json.decode(event.data, type=LeaseGranted)
        answer = AcceptLease(attempt_key=grant.attempt_key, epoch=grant.epoch, agent_id=grant.agent_id)
        yield self._command(event.stream, event.region, answer, event.event_id)

    def _work(self, event: EventEnvelope) -> Iterable[OutgoingRecord]:
        job = msgspec.json.decode(event.data, type=JobStarted)
        held: dict[str, Any] = {
            "job_id": job.job_id,
            "attempt": job.attempt,
            "epoch": job.epoch,
            "agent_id": job.agent_id,
        }
        said: list[Message] = []
        for index in range(2):
            said.append(ReportStep(index=index, at=event.recorded_at, **held))
            said.append(ReportStep(index=index, outcome="success", exit_code=0, at=event.recorded_at, **held))
        said.append(FinishJob(outcome="success", **held))
        for number, message in enumerate(said):
            yield self._command(event.stream, event.region, message, event.event_id, number)

    def _say(self, stream: str, region: str, message: Message) -> None:
        cause = derived_id("workload", stream, next(self._numbers), self._clock.now().isoformat())
        self._producer.send_all([self._command(stream, region, message, cause)])

    def _command(self, stream: str, region: str, message: Message, cause: str, number: int = 0) -> OutgoingRecord:
        target = Stream.parse(stream)
        command = make_command(
            command_id=derived_id("workload", cause, number),
            stream=target,
            region=region,
            command=message,
            catalogue=CATALOGUES[target.kind],
            actor="workload",
            correlation_id=trace_id(stream),
            causation_id=cause,
            issued_at=self._clock.now(),
        )
        return to_record(self._topology, command)


def memory_workload(topology: Topology, log: MemoryLog, **options: Any) -> Workload:
    processor = Processor(
        AGGREGATES,
        POLICIES,
        topology,
        lambda: MemoryGroupConsumer(log, "sealane-processors", "p"),
        lambda: MemoryTransactionalProducer(log, "p", "p"),
        lambda: MemoryLogReader(log, "p", settled=True),
        log.clock,
    )
    reader, producer = MemoryLogReader(log, "w"), MemoryProducer(log, "w")
    return Workload(topology, processor, producer, reader, log.clock, **options)


def kafka_workload(topology: Topology, bootstrap: str, **options: Any) -> Workload:
    connection = Connection(bootstrap)
    processor = Processor(
        AGGREGATES,
        POLICIES,
        topology,
        lambda: KafkaGroupConsumer(connection, "sealane-processors", client_id="p", fetch_wait_ms=5),
        lambda: KafkaTransactionalProducer(connection, "sealane-processor-1"),
        lambda: KafkaLogReader(connection, "p-restore", settled=True),
        SystemClock(),
    )
    reader, producer = KafkaLogReader(connection, "w"), KafkaProducer(connection, "w")
    return Workload(topology, processor, producer, reader, SystemClock(), **options)
