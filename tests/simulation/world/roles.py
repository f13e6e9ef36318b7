"""The production shells as processes of the simulation: what each is made of, and nothing else."""

from contextlib import suppress
from pathlib import Path

from agents.backoff import Backoff
from agents.config import AgentConfig
from agents.connection import HubConnection, Outbox, RefusedForGood
from agents.connectors.base import Connector, Handler
from agents.connectors.definition import Definition
from agents.connectors.ingest import Ingest
from agents.connectors.metrics import ConnectorMetrics
from agents.job_runner import JobTools
from agents.spool_store import SpoolStore
from agents.worker import Worker
from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.topics import COMMANDS_TOPICS, Topology
from core.ports import LogUnavailable
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.producer import MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader
from infra.memory.views import MemoryViews, MemoryViewStore
from processors.options import ProcessorOptions
from processors.shell import Processor
from projections.projector import PROJECTED_TOPICS, Projector, partitions_of
from tests.simulation.engine.loop import Loop
from tests.simulation.engine.process import Process
from tests.simulation.engine.threads import Event, Thread, sleep
from tests.simulation.world.disk import Disks
from tests.simulation.world.executor import Executions, Pipe, SimulatedExecutor
from tests.simulation.world.log import SimulatedLog
from tests.simulation.world.producers import RepeatingProducer
from tests.simulation.world.repositories import Repositories

PROCESSORS = "sealane-processors"
TURN_SECONDS = 5.0
PATIENCE = 10.0
POOL_TOKEN = "token"
SPOOL_BYTES = 8 << 20


def processor(
    log: SimulatedLog, topology: Topology, process: Process, transactional_id: str, options: ProcessorOptions
) -> tuple[Processor, Event]:
    """A stream processor in its own thread; the event asks it to leave."""
    owner = process.name
    made = Processor(
        AGGREGATES,
        POLICIES,
        topology,
        lambda: MemoryGroupConsumer(log.memory, PROCESSORS, owner),
        lambda: MemoryTransactionalProducer(log.memory, transactional_id, owner),
        lambda: MemoryLogReader(log.memory, owner, settled=True),
        process,
        options,
        sleep=sleep,
    )
    stop = Event()

    def main() -> None:
        with suppress(LogUnavailable):  # Without a goodbye, then.
            made.run(stop, TURN_SECONDS)
        process.kill("it has left")

    thread = Thread(main, "processor", topics=frozenset(COMMANDS_TOPICS))
    log.wake_by_topics(thread).start()
    return made, stop


def projector(log: SimulatedLog, topology: Topology, process: Process, views: MemoryViews) -> Projector:
    stores: list[MemoryViewStore] = []

    def open_store() -> MemoryViewStore:
        stores.append(MemoryViewStore(views, process.name))
        return stores[-1]

    made = Projector(MemoryLogReader(log.memory, process.name), open_store, partitions_of(topology), max_batch=200)
    # The server notices that its client is gone.
    process.on_death.append(lambda: _close_all(stores))
    thread = Thread(lambda: made.run(Event()), "projector", topics=frozenset(PROJECTED_TOPICS))  # type: ignore[arg-type]
    thread.patience = PATIENCE
    log.wake_by_topics(thread).start()
    return made


def _close_all(stores: list[MemoryViewStore]) -> None:
    for store in stores:
        store.close()


def connectors(log: SimulatedLog, topology: Topology, process: Process, repositories: Repositories) -> None:
    """Ingest and definition, each with its loop and its pool of threads."""
    handlers: tuple[tuple[Handler, int], ...] = (
        (Ingest(topology, process), 1),
        (Definition(topology, process, repositories), 2),  # type: ignore[arg-type]
    )
    metrics = ConnectorMetrics()
    for handler, threads in handlers:
        connector = Connector(
            handler=handler,
            consumer=lambda name=handler.name: MemoryGroupConsumer(log.memory, f"sealane-{name}", process.name),  # type: ignore[misc]
            producer=RepeatingProducer(log, process),
            metrics=metrics,
            threads=threads,
        )
        thread = Thread(connector.run, handler.name, args=(Event(),), topics=frozenset(handler.topics))
        thread.patience = PATIENCE
        log.wake_by_topics(thread).start()


def agent(process: Process, executions: Executions, config: AgentConfig) -> None:
    """As agents.main.run_agent, from the data directory on."""
    loop = Loop(process, lambda fd: Pipe.open[fd])
    random = process.kernel.random
    store = SpoolStore(config.data_dir / "spool", config.spool_bytes // config.slots)
    executor = SimulatedExecutor(process, executions)
    tools = JobTools(executor, store, config.data_dir / "jobs", {}, process.now, config.gateway_url)

    async def main() -> None:
        store.recover()
        outbox = Outbox()
        worker = Worker(config, config.name, store, tools, outbox.put)
        hub = HubConnection("ws://gateway", config.token, "simulated", worker, store, outbox, Backoff(random.random))
        try:
            await hub.run()
        except RefusedForGood as error:
            process.kill(f"refused for good: {error}")

    loop.create_task(main())


def agent_config(disks: Disks, name: str, region: str, slots: int, labels: tuple[str, ...] = ()) -> AgentConfig:
    folder: Path = disks.folder(name)
    return AgentConfig(
        gateway_url="ws://gateway",
        token=POOL_TOKEN,
        region=region,
        data_dir=folder,
        name=name,
        slots=slots,
        labels=labels,
        spool_bytes=SPOOL_BYTES,
    )
