"""Executes steps of jobs in virtual time: what a step does stands in its script, like `lines=3 seconds=2 exit=0`.

Output goes through pipes as the real one's does, so that a job whose log has no room waits. Which attempts really
execute, on which agent, is written down for the checks.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import ClassVar

from agents.executors.base import Command, Isolation, JobPaths, JobRequest, LimitHits, SandboxError
from tests.simulation.engine.process import Process

FIRST_FD = 1 << 20
LONGEST_BURST = 7
EXIT_KILLED, EXIT_TERMINATED = -9, -15


class Execution:
    """One attempt that has a sandbox on an agent: from prepare() to close(), or the agent's end."""

    def __init__(self, process: Process, attempt_key: str) -> None:
        self.process = process
        self.attempt_key = attempt_key
        self.since = process.kernel.scheduler.now


class Executions:
    """All that execute now."""

    def __init__(self) -> None:
        self.live: dict[tuple[str, str], Execution] = {}
        self.on_begin: Callable[[Execution], None] = lambda execution: None

    def begin(self, execution: Execution) -> None:
        self.live[execution.process.name, execution.attempt_key] = execution
        self.on_begin(execution)

    def end(self, execution: Execution) -> None:
        self.live.pop((execution.process.name, execution.attempt_key), None)

    def end_all(self, process: Process) -> None:
        self.live = {key: one for key, one in self.live.items() if one.process is not process}


class Pipe:
    """A pipe's reading end, known by its number. Readers are told as an event loop tells them."""

    open: ClassVar[dict[int, "Pipe"]] = {}
    _made: ClassVar[int] = FIRST_FD

    def __init__(self, process: Process) -> None:
        self._process = process
        self._data: deque[bytes] = deque()
        self._ended = False
        self._reader: Callable[[], None] | None = None
        Pipe._made += 1
        self.fd = Pipe._made
        Pipe.open[self.fd] = self

    def write(self, data: bytes) -> None:
        self._data.append(data)
        self._tell()

    def end(self) -> None:
        self._ended = True
        self._tell()

    def read(self) -> bytes:
        if self._data:
            return self._data.popleft()
        if self._ended:
            return b""
        raise BlockingIOError

    def watch(self, reader: Callable[[], None] | None) -> None:
        self._reader = reader
        self._tell()

    def _tell(self) -> None:
        if self._reader is not None and (self._data or self._ended):
            reader = self._reader
            self._process.soon(lambda: self._call(reader))

    def _call(self, reader: Callable[[], None]) -> None:
        if self._reader is reader and (self._data or self._ended):
            reader()
            self._tell()


def read(fd: int, size: int) -> bytes:
    """See os.read."""
    return Pipe.open[fd].read()


class StepRun:
    """See SandboxProcess. Runs in its own time: a frozen agent does not stop it."""

    def __init__(self, process: Process, script: dict[str, str], random: Random) -> None:
        self._process = process
        self._scheduler = process.kernel.scheduler
        self._out, self._err = Pipe(process), Pipe(process)
        self._lines = int(script.get("lines", "1"))
        self._seconds = float(script.get("seconds", "1"))
        self._stubborn = "stubborn" in script
        self._code: int | None = None
        self._exit = int(script.get("exit", "0"))
        if random.random() < float(script.get("flaky", "0")):
            self._exit = 1
        self._done: list[Callable[[], None]] = []
        self._text = script.get("text", "line")
        first = 0
        while first < self._lines:
            after = min(first + random.randint(1, LONGEST_BURST), self._lines)
            self._scheduler.after(self._seconds * first / (self._lines + 1), partial(self._say, first, after))
            first = after
        self._scheduler.after(self._seconds, lambda: self._ends(self._exit))

    @property
    def stdout(self) -> int:
        return self._out.fd

    @property
    def stderr(self) -> int:
        return self._err.fd

    async def wait(self) -> int:
        ended = asyncio.Event()
        if self._code is None:
            self._done.append(lambda: self._tell(ended))
            await ended.wait()
        assert self._code is not None
        return self._code

    def _tell(self, ended: asyncio.Event) -> None:
        self._process.soon(ended.set)

    def terminate(self) -> None:
        if not self._stubborn:
            self._scheduler.after(0.05, lambda: self._ends(EXIT_TERMINATED))

    def kill(self) -> None:
        self._ends(EXIT_KILLED)

    def limit_hits(self) -> LimitHits:
        return LimitHits()

    def _say(self, first: int, after: int) -> None:
        if self._code is None and self._process.alive:
            lines = "".join(f"{self._text} {number}\n" for number in range(first, after))
            (self._err if first % 7 == 6 else self._out).write(lines.encode())

    def _ends(self, code: int) -> None:
        if self._code is not None:
            return
        self._code = code
        self._out.end()
        self._err.end()
        for done in self._done:
            done()


class SimulatedExecutor:
    """See Executor."""

    isolation = Isolation("bubblewrap", "simulated")
    runs_images = True

    def __init__(self, process: Process, executions: Executions) -> None:
        self._process = process
        self._executions = executions
        process.on_death.append(lambda: executions.end_all(process))

    async def prepare(self, job: JobRequest) -> "SimulatedSandbox":
        return SimulatedSandbox(self._process, job, self._executions)

    def close(self) -> None:
        """Nothing is held."""


class SimulatedSandbox:
    """See Sandbox."""

    paths = JobPaths("/job/workspace", "/job/home", "/job/tmp", "/job/output/values", "/job/scripts")

    def __init__(self, process: Process, job: JobRequest, executions: Executions) -> None:
        self._process = process
        self._directory: Path = job.directory
        self._executions = executions
        self._execution = Execution(process, job.attempt_key)
        self._runs: list[StepRun] = []
        executions.begin(self._execution)

    async def run(self, command: Command) -> StepRun:
        script = self._directory / "scripts" / Path(command.argv[-1]).name
        words = (word.partition("=") for word in script.read_text().split())
        values = {name: value for name, _, value in words}
        if "unstartable" in values:
            raise SandboxError("the sandbox can't start it")
        if "output" in values:
            (self._directory / "output" / "values").write_text(f"value={values['output']}\n")
        step = StepRun(self._process, values, self._process.kernel.random)
        self._runs.append(step)
        return step

    async def close(self) -> None:
        for step in self._runs:
            step.kill()
            for fd in (step.stdout, step.stderr):
                Pipe.open.pop(fd, None)
        self._executions.end(self._execution)
