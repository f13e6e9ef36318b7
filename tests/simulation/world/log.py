"""The log as the simulation's processes meet it: every call may take time, fail, be answered late, or be the last."""

from datetime import datetime

import psycopg

from core.eventlog.topics import Topology
from core.ports import LogUnavailable, TopicPartition
from infra.memory.clock import ManualClock
from infra.memory.log import Call, MemoryLog
from tests.simulation.engine.process import Crash, Kernel, Process
from tests.simulation.engine.scheduler import START
from tests.simulation.engine.threads import Thread, thread_turn

GIVES_WAY = 0.1
_START_SECONDS = START.timestamp()
_QUIET = frozenset(("consumer.poll", "reader.poll", "reader.bounds", "reader.assign", "consumer.committed"))


class SimulatedLog:
    """`memory` is the log; `owners` are the processes by name; `refusing` is the share of calls that fail."""

    def __init__(self, kernel: Kernel, topology: Topology) -> None:
        self._kernel = kernel
        self._random = kernel.random.random
        self.memory = MemoryLog(TrueClock(kernel), session_timeout_seconds=6.0, transaction_timeout_seconds=10.0)
        self.memory.on_call = self._call
        self.memory.on_idle = self._idle
        self.memory.on_written = self._written
        self.owners: dict[str, Process] = {}
        self.refusing = 0.0
        self.cut_off: set[str] = set()
        self.repeating = 0.0
        self.views_away = False
        # Where there may be more to read than whoever empties it knows.
        self.written: set[TopicPartition] = set()
        self._readers: dict[str, list[Thread]] = {}
        for spec in topology.topic_specs():
            self.memory.create(spec)

    def add(self, process: Process) -> None:
        self.owners[process.name] = process
        process.on_death.append(lambda: self.memory.silence(process.name))

    def pause(self, process: Process, seconds: float) -> None:
        self.memory.silence(process.name)
        process.pause(seconds)

    def wake_by_topics(self, thread: Thread) -> Thread:
        """New records of its topics wake the thread where it waits for the log."""
        for topic in thread.topics or ():
            readers = self._readers.setdefault(topic, [])
            readers[:] = [each for each in readers if each.process.alive and each is not thread]
            readers.append(thread)
        return thread

    def _call(self, call: Call) -> None:
        owner, operation, phase = call
        process = self.owners.get(owner)
        if process is None:
            return  # Whoever checks is no part of the world.
        if process.fuse is not None or not process.alive:
            process.step()
        if phase == "after":
            if operation not in _QUIET:
                self._kernel.note(owner, operation)
        elif process.trap is not None and process.trap[0] == operation:
            (_, spring), process.trap = process.trap, None
            spring()
            self._take_time(0.001)
        if self.cut_off or self.refusing:
            self._fail_perhaps(call)
        if self._random() < GIVES_WAY * process.slowness:
            self._take_time(0.002 * process.slowness)
        if not process.alive:
            raise Crash(process.name)

    def _fail_perhaps(self, call: Call) -> None:
        """Raises LogUnavailable."""
        if call.owner in self.cut_off:
            if call.phase == "before":
                self.memory.silence(call.owner)
                self._take_time(0.3)
                raise LogUnavailable(f"{call.operation}: no broker answers")
        elif self.refusing and self._random() < self.refusing:
            self._take_time(0.1)
            self._kernel.note(call.owner, f"{call.operation} fails {call.phase} it happened")
            raise LogUnavailable(f"{call.operation}: injected {call.phase}")

    def views_called(self, owner: str, operation: str) -> None:
        """The same for the database of the views."""
        process = self.owners.get(owner)
        if process is None:
            return
        process.step()
        self._kernel.note(owner, operation)
        if self.views_away or (self.refusing and self._random() < self.refusing):
            raise psycopg.OperationalError(f"{operation}: injected")
        if self._random() < GIVES_WAY:
            self._take_time(0.005 * process.slowness)
        if not process.alive:
            raise Crash(process.name)

    def _take_time(self, longest: float) -> None:
        if thread_turn.whose is not None:
            thread_turn.whose.block(longest * self._random())

    def _idle(self, seconds: float) -> None:
        thread = thread_turn.whose
        if thread is None:
            return
        if thread.news:
            thread.news = False
            return
        thread.idle = True
        thread.block(seconds * thread.patience)
        thread.idle = thread.news = False

    def _written(self, where: TopicPartition) -> None:
        self.written.add(where)
        for thread in self._readers.get(where.topic, ()):
            if thread.idle:
                thread.idle = False
                thread.wake(0.2 * self._random())
            thread.news = True
        self._kernel.scheduler.attention = True


class TrueClock(ManualClock):
    """The broker's own clock, which is right."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self._scheduler = kernel.scheduler

    def now(self) -> datetime:
        return self._scheduler.date()

    def seconds(self) -> float:
        return _START_SECONDS + self._scheduler.now
