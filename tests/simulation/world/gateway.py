"""A gateway process: event tail, command bus, agent hub and its socket endpoint, and the way in for clients."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from core.eventlog.envelope import CommandEnvelope, Stream
from core.eventlog.routing import make_command
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import EVENTS_TOPICS, Topology
from core.forges.builtin import BuiltinPush
from core.ids import trace_id
from core.ports import Decision, TopicPartition
from gateway.auth import Principal
from gateway.realtime.agent_hub import AgentHub
from gateway.realtime.agent_socket import agent_router
from gateway.webhooks.deliveries import deliver_builtin
from gateway.webhooks.services import WebhookServices
from infra.kafka.command_bus import LogCommandBus
from infra.kafka.tail import LogEventTail
from infra.memory.reader import MemoryLogReader
from tests.simulation.engine.loop import Loop
from tests.simulation.engine.process import Process
from tests.simulation.engine.threads import current_thread
from tests.simulation.world.log import SimulatedLog
from tests.simulation.world.network import Network, ServerEnd
from tests.simulation.world.producers import OrderedProducer

AnswerT = TypeVar("AnswerT")
TAIL_PATIENCE = 10.0
ANYTHING = Principal("agents", ("agent",), (), ("*",))


class Gateway:
    """Lives as long as its process. `call` is a request of a client: its answer may never come."""

    def __init__(self, process: Process, log: SimulatedLog, network: Network, topology: Topology) -> None:
        self.process = process
        self._network = network
        self._topology = topology
        self._loop = Loop(process)
        self._open = 0
        producer = OrderedProducer(log, process)
        partitions = [TopicPartition(topic, n) for topic in EVENTS_TOPICS for n in range(topology.partitions)]
        self._tail = LogEventTail(lambda: _tail_reader(log, process), partitions)
        self.bus = LogCommandBus(topology, producer, self._tail)
        random = process.kernel.random
        self._webhooks = WebhookServices(
            topology=topology,
            producer=producer,
            apps_by_repository=_no_apps,
            webhook_secret=lambda app: "",
            clock=process,
            new_id=lambda: f"{random.getrandbits(64):016x}",
        )
        self._hub = AgentHub(
            self.bus,
            producer,
            self._tail,
            topology,
            process,
            lambda: f"{random.getrandbits(64):016x}",
            _no_correlation,
            max_log_bytes=1 << 30,
        )
        router = agent_router(self._hub, _authenticate, topology.regions)
        self._endpoint: Callable[[ServerEnd], Awaitable[None]] = router.routes[0].endpoint  # type: ignore[attr-defined]
        self._loop.create_task(self._kept_up())
        network.listen(process, self._accept)

    def call(
        self, ask: Callable[["Gateway"], Awaitable[AnswerT]], answer: Callable[[AnswerT | Exception], None]
    ) -> None:
        """The answer comes outside of the process, and not at all where the process ends before."""

        async def serve() -> None:
            try:
                found: Any = await ask(self)
            except Exception as error:
                found = error
            self.process.kernel.scheduler.after(self._network.latency(), lambda: answer(found))

        def begin() -> None:
            self._loop.create_task(serve())

        self.process.soon(begin)

    async def push(self, push: BuiltinPush, delivery_id: str) -> None:
        await deliver_builtin(self._webhooks, push, delivery_id)

    async def execute(
        self, stream: Stream, region: str, command: Message, catalogue: Catalogue, command_id: str
    ) -> tuple[CommandEnvelope, Decision]:
        envelope = make_command(
            command_id=command_id,
            stream=stream,
            region=region,
            command=command,
            catalogue=catalogue,
            actor="somebody",
            correlation_id=trace_id(command_id),
            causation_id=command_id,
            issued_at=self.process.now(),
            wants_reply=True,
        )
        return envelope, await self.bus.execute(envelope)

    def _accept(self, socket: ServerEnd) -> None:
        self._loop.create_task(self._endpoint(socket))  # type: ignore[arg-type]

    async def _kept_up(self) -> None:
        await self._hub.run()


def _tail_reader(log: SimulatedLog, process: Process) -> MemoryLogReader:
    """Made by the tail in its own thread."""
    thread = current_thread()
    thread.topics, thread.patience = frozenset(EVENTS_TOPICS), TAIL_PATIENCE
    log.wake_by_topics(thread)
    return MemoryLogReader(log.memory, process.name)


async def _authenticate(token: str | None) -> Principal:
    return ANYTHING


async def _no_correlation(run: str) -> str:
    return ""


async def _no_apps(urls: tuple[str, ...]) -> tuple[str, ...]:
    return ()
