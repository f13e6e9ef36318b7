"""One installation in memory: log, views, network, disks, and the processes that make it up."""

from collections.abc import Callable, Mapping
from pathlib import Path

from core.eventlog.topics import Topology
from core.ports import TopicPartition
from infra.memory.views import MemoryViews
from processors.options import ProcessorOptions
from processors.partition_state import PartitionState
from processors.shell import Processor
from tests.simulation.engine.process import Kernel, Process, process_turn
from tests.simulation.engine.threads import Event
from tests.simulation.options import Options
from tests.simulation.world import roles
from tests.simulation.world.deliverers import deliverer
from tests.simulation.world.disk import Disks
from tests.simulation.world.executor import Executions
from tests.simulation.world.gateway import Gateway
from tests.simulation.world.log import SimulatedLog
from tests.simulation.world.network import Network
from tests.simulation.world.repositories import Repositories
from tests.simulation.world.sites import Sites

TOPOLOGY = Topology(("us-east", "eu-west"))


class World:
    """`running` are the live processes by role (`processor-1`, `gateway-2`, `agent-us-east-1` ...)."""

    def __init__(self, kernel: Kernel, options: Options, root: Path) -> None:
        self.kernel = kernel
        self.options = options
        self.topology = TOPOLOGY
        self.log = SimulatedLog(kernel, TOPOLOGY)
        self.views = MemoryViews(self._views_called)
        self.network = Network(kernel)
        self.disks = Disks(root)
        self.executions = Executions()
        self.repositories = Repositories(kernel)
        self.sites = Sites(kernel)
        self.running: dict[str, Process] = {}
        self.processors: dict[str, tuple[Processor, Event]] = {}
        self.gateways: dict[str, Gateway] = {}
        self.on_death: Callable[[str, Process], None] = lambda role, process: None
        self.on_processor_death: Callable[[Mapping[TopicPartition, PartitionState]], None] = lambda states: None
        self.everything: list[Process] = []
        self._incarnations: dict[str, int] = {}
        self._starts: dict[str, Callable[[Process, str], None]] = {}
        self._skews: dict[str, float] = {}
        self._declare()

    def start_all(self) -> None:
        for role in self._starts:
            self.start(role)

    @property
    def roles(self) -> list[str]:
        return list(self._starts)

    def start(self, role: str) -> Process:
        """A new process of the role; its clock is as wrong as its machine's."""
        assert role not in self.running, role
        number = self._incarnations[role] = self._incarnations.get(role, 0) + 1
        process = Process(self.kernel, f"{role}.{number}")
        process.skew_seconds = self._skews.get(role, 0.0)
        self.kernel.note(process.name, "starts")
        self.everything.append(process)
        self.running[role] = process
        process.on_death.append(lambda: self._died(role, process))
        self.log.add(process)
        before, process_turn.whose = process_turn.whose, process
        try:
            self._starts[role](process, role)
        finally:
            process_turn.whose = before
        return process

    def processor_options(self, code_version: str = "1") -> ProcessorOptions:
        return ProcessorOptions(
            max_batch=self.options.max_batch,
            checkpoint_events=self.options.checkpoint_events,
            events_per_snapshot=1,
            superseded_snapshots=self.options.superseded_snapshots,
            superseded_per_stream=1,
            retention_seconds=self.options.retention_seconds,
            remembered_commands=self.options.remembered_commands,
            code_version=code_version,
        )

    def set_clock(self, role: str, seconds: float) -> None:
        self._skews[role] = seconds
        if role in self.running:
            self.running[role].skew_seconds = seconds

    def unwind(self) -> None:
        """The simulation is over: let go of what killed processes still held."""
        for process in self.everything:
            process.alive = False
        for process in self.everything:
            process.bury()

    def _died(self, role: str, process: Process) -> None:
        del self.running[role]
        if role in self.processors:
            states = dict(self.processors.pop(role)[0].partitions)
            # Outside of the process that is dying.
            self.kernel.scheduler.after(0, lambda: self.on_processor_death(states))
        self.gateways.pop(role, None)
        self.on_death(role, process)

    def _declare(self) -> None:
        options = self.options
        for number in range(options.processors):
            self._starts[f"processor-{number}"] = self._start_processor
        for number in range(options.gateways):
            self._starts[f"gateway-{number}"] = self._start_gateway
        for number in range(options.workers):
            self._starts[f"worker-{number}"] = self._start_worker
        for number in range(options.projectors):
            self._starts[f"projector-{number}"] = self._start_projector
        for region in TOPOLOGY.regions:
            for number in range(options.agents):
                self._starts[f"agent-{region}-{number}"] = self._start_agent
            for number in range(options.deliverers):
                self._starts[f"deliverer-{region}-{number}"] = self._start_deliverer

    def _start_processor(self, process: Process, role: str) -> None:
        options = self.processor_options()
        self.processors[role] = roles.processor(self.log, self.topology, process, f"sealane-{role}", options)

    def _start_gateway(self, process: Process, role: str) -> None:
        self.gateways[role] = Gateway(process, self.log, self.network, self.topology)

    def _start_worker(self, process: Process, role: str) -> None:
        roles.connectors(self.log, self.topology, process, self.repositories)

    def _start_projector(self, process: Process, role: str) -> None:
        roles.projector(self.log, self.topology, process, self.views)

    def _start_agent(self, process: Process, role: str) -> None:
        self.network.attach(process)
        config = roles.agent_config(self.disks, role, self._region(role), self.options.slots)
        roles.agent(process, self.executions, config)

    def _start_deliverer(self, process: Process, role: str) -> None:
        root = self.disks.root / "targets"
        deliverer(self.log, self.topology, process, self._region(role), root, self.sites)

    def _region(self, role: str) -> str:
        return next(region for region in self.topology.regions if region in role)

    def _views_called(self, owner: str, operation: str) -> None:
        self.log.views_called(owner, operation)
