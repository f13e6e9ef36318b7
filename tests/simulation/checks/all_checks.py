"""All checks of one simulation: what is asked after each step, when a process dies, in between, and at the end."""

from collections.abc import Mapping

from core.eventlog.topics import COMMANDS_TOPICS, DEAD_LETTERS_TOPIC
from core.ports import TopicPartition
from processors.partition_state import PartitionState
from tests.simulation.checks.executions import ExecutionsCheck
from tests.simulation.checks.history import HistoryCheck
from tests.simulation.checks.leases import LeasesCheck
from tests.simulation.checks.locks import LocksCheck
from tests.simulation.checks.logs import LogsCheck
from tests.simulation.checks.observer import Check, Observer
from tests.simulation.checks.reports import ReportsCheck
from tests.simulation.checks.restores import RestoresCheck
from tests.simulation.checks.rollouts import RolloutsCheck
from tests.simulation.checks.runs import RunsCheck
from tests.simulation.checks.stages import StagesCheck
from tests.simulation.checks.traffic import TrafficCheck
from tests.simulation.checks.views import ViewsCheck
from tests.simulation.workload import Workload
from tests.simulation.world.roles import PROCESSORS
from tests.simulation.world.world import World


class Checks:
    """`violations` is what went wrong, in the order it was noticed."""

    def __init__(self, world: World, workload: Workload) -> None:
        self._world = world
        self._workload = workload
        self.violations = world.kernel.failures
        self.history, self.runs, self.leases = HistoryCheck(world.options.retention_seconds), RunsCheck(), LeasesCheck()
        self.restores, self.views = RestoresCheck(world), ViewsCheck(world)
        self.executions = ExecutionsCheck(world, self.leases)
        self.locks, self.stages = LocksCheck(), StagesCheck()
        self.rollouts, self.reports = RolloutsCheck(), ReportsCheck()
        self.traffic = TrafficCheck(world, self.locks)
        checks: list[Check] = [
            self.history,
            self.runs,
            self.leases,
            LogsCheck(),
            self.restores,
            self.views,
            self.executions,
            self.locks,
            self.stages,
            self.rollouts,
            self.reports,
            self.traffic,
            workload,
        ]
        for check in checks:
            check.wrong = self._wrong
        self.observer = Observer(world.log.memory, world.log.written, checks)
        workload.on_decision = self.history.answered
        world.on_processor_death = self._processor_died

    @property
    def failed(self) -> bool:
        return bool(self.violations)

    def look(self) -> bool:
        """After a step that has changed something; whether it is enough."""
        self.leases.now = self._world.kernel.scheduler.now
        self.observer.observe()
        return bool(self.violations)

    def midway(self) -> None:
        if not self.failed:
            self.views.compare()
            self.executions.check_all()

    def check_decided(self) -> None:
        self.history.check_passed(self._world.log.memory.group(PROCESSORS).offsets)

    @property
    def ended(self) -> bool:
        """Nothing is open, nobody waits, and everybody has read everything."""
        return (
            self._workload.done
            and not self.runs.open
            and not self.rollouts.open
            and not self.locks.owners
            and self.runs.has_all(self._workload.accepted)
            and self._is_caught_up()
            and self.views.is_caught_up()
        )

    def finally_(self) -> None:
        if self.failed:
            return
        self.look()
        if not self._workload.done:
            self._wrong(f"not everything that was asked was answered: {self._workload.waiting}")
        for run in self.runs.open:
            self._wrong(f"{run} does not end")
        for what in self.rollouts.open:
            self._wrong(f"{what} does not end")
        for what in sorted(self.rollouts.unasked()):
            self._wrong(f"{what} has ended, and was never asked for")
        for what in self.history.undecided():
            self._wrong(f"never decided: {what}")
        if not self._is_caught_up():
            self._wrong("the processors do not reach the end of the commands")
        self.runs.check_pushes(self._workload.accepted)
        self.stages.check_end()
        self._check_dead_letters()
        if not self.failed:
            self.executions.check_all()
            self.traffic.check_end()
            for shell, _ in self._world.processors.values():
                self.restores.compare(shell.partitions)
            if not self.views.is_caught_up():
                self._wrong("the views do not reach the end of the log")
            self.views.compare()

    def _is_caught_up(self) -> bool:
        log = self._world.log.memory
        offsets = log.group(PROCESSORS).offsets
        wanted = [where for where in log.all_partitions() if where.topic in COMMANDS_TOPICS]
        return all(not log.partition(where).read(offsets.get(where, 0), 1)[0] for where in wanted)

    def _check_dead_letters(self) -> None:
        log = self._world.log.memory
        for where in log.all_partitions():
            if where.topic == DEAD_LETTERS_TOPIC:
                for record in log.partition(where).read(0, 1 << 30)[0]:
                    self._wrong(f"a dead letter: {(record.value or b'')[:600]!r}")

    def _processor_died(self, states: Mapping[TopicPartition, PartitionState]) -> None:
        self.restores.compare(states)

    def _wrong(self, what: str) -> None:
        self.violations.append(what)
        self._world.kernel.scheduler.attention = True
