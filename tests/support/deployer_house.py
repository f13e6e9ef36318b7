"""A deployer of us-east over a log in memory, with real targets; the test plays the deployments."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec

from agents.connectors.base import Connector
from agents.connectors.metrics import ConnectorMetrics
from agents.deployer.acting import Acting
from agents.deployer.connector import Deployer
from agents.deployer.hooking import Hooking
from agents.deployer.hooks import Hooks
from agents.deployer.keeping import Keeper
from agents.deployer.reports import Reports
from agents.targets.base import OwnTarget
from agents.targets.probes import run_probes
from agents.targets.registry import Makers, Targets
from core.deployments import commands as c
from core.deployments import events as d
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_command, encode_event
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import Topology, commands_topic, events_topic
from core.ports import OutgoingRecord, TopicPartition
from core.rollouts import commands as rc
from core.rollouts import events as r
from infra.clock import SystemClock
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer
from infra.memory.reader import MemoryLogReader
from tests.support.target_world import TargetWorld

TOPOLOGY = Topology(("us-east", "eu-west"))
DEPLOYMENT = "us-east-0123456789abcdef"
ROLLOUT = "eu-west-fedcba9876543210"


class DeployerHouse:
    """`answers` are the commands that the deployer has sent, in order."""

    def __init__(self, world: TargetWorld) -> None:
        self.world = world
        self.log = MemoryLog()
        self.log.on_idle = lambda seconds: time.sleep(0.002)
        for spec in TOPOLOGY.topic_specs():
            self.log.create(spec)
        self._events = MemoryProducer(self.log, "deployments")
        self._numbers = count(1)
        self._running: list[tuple[threading.Event, threading.Thread]] = []

    @property
    def targets(self) -> Targets[OwnTarget]:
        makers = Makers(service=lambda place: self.world.at(place), static=lambda place: self.world.at(place))
        return Targets(self.world.root / "targets", "us-east", makers)

    def start(self) -> None:
        """A deployer as of a process that has just begun."""
        producer = MemoryProducer(self.log, "deployer")
        targets, clock = self.targets, SystemClock()
        reports = Reports(TOPOLOGY, "us-east", clock, producer.send_all)
        hooks = Hooks(self.world.root / "targets" / "us-east" / ".hooks", self.world.artifacts)
        handler = Deployer("us-east", Acting(targets, run_probes, reports), Hooking(TOPOLOGY, "us-east", clock, hooks))
        connector = Connector(
            handler=handler,
            consumer=lambda: MemoryGroupConsumer(self.log, f"sealane-{handler.name}"),
            producer=producer,
            metrics=ConnectorMetrics(),
            threads=4,
        )
        for loop in (connector.run, Keeper(targets, reports, resume_seconds=2).run):
            stop = threading.Event()
            thread = threading.Thread(target=loop, args=(stop,))
            thread.start()
            self._running.append((stop, thread))

    def stop(self) -> None:
        for stop, _ in self._running:
            stop.set()
        for _, thread in self._running:
            thread.join()
        self._running.clear()

    def close(self) -> None:
        self.stop()
        for place in self.targets.places():
            self.world.at(place).remove()

    def tell(self, message: Message, stream: Stream | None = None, region: str = "us-east") -> None:
        """An event of the deployment (or of another stream)."""
        catalogue: Catalogue = r.EVENTS if message.TYPE in r.EVENTS else d.EVENTS
        event = EventEnvelope(
            event_id=f"00000000-0000-5000-8000-{next(self._numbers):012}",
            type=message.TYPE,
            schema_version=message.VERSION,
            stream=str(stream or Stream("deployment", DEPLOYMENT)),
            stream_version=1,
            recorded_at=datetime.now(UTC),
            region=region,
            actor="test",
            correlation_id="0" * 32,
            causation_id="test",
            chain="",
            data=catalogue.encode(message),
        )
        topic = events_topic("deployments")
        partition = TOPOLOGY.partition(region, event.stream)
        self._events.send_all([OutgoingRecord(topic, partition, event.stream.encode(), encode_event(event))])

    def action(self, number: int, wish: object, epoch: int = 1, **other: object) -> None:
        order = msgspec.structs.replace(self.world.order(), wish=wish)
        self.tell(
            d.ActionRequested(
                app="shop",
                environment="production",
                region="us-east",
                epoch=epoch,
                action=number,
                step=0,
                wish=order.wish,
                **{"target": self.world.settings, **other},  # type: ignore[arg-type]
                answer_by=datetime.now(UTC) + timedelta(minutes=2),
            )
        )

    @property
    def answers(self) -> list[Message]:
        reader = MemoryLogReader(self.log)
        topic = commands_topic("deployments")
        reader.assign({TopicPartition(topic, partition): 0 for partition in range(TOPOLOGY.partitions)})
        found = []
        for record in reader.poll(10_000, 0):
            envelope = decode_command(record.value or b"")
            catalogue = c.COMMANDS if envelope.stream.startswith("deployment/") else rc.COMMANDS
            found.append(catalogue.decode(envelope.type, envelope.schema_version, envelope.data))
        return found

    def reports(self) -> list[c.ReportTarget]:
        return [each for each in self.answers if isinstance(each, c.ReportTarget)]

    def health(self) -> list[c.ReportHealth]:
        return [each for each in self.answers if isinstance(each, c.ReportHealth)]

    def until(self, done: Callable[[], object], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.answers[-5:]
            time.sleep(0.02)

    def report(self, action: int, epoch: int = 1) -> c.ReportTarget:
        """The answer to an action, once it is there."""

        def found() -> list[c.ReportTarget]:
            return [each for each in self.reports() if (each.epoch, each.action) == (epoch, action)]

        self.until(found)
        return found()[0]
