"""A simulated operating system process: threads and an event loop that stop for good when it is killed.

A killed process runs no further line, not even a `finally`: what hangs in it is kept until the simulation is over,
and whatever still reaches for the world then is told that it is dead.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from tests.simulation.engine.scheduler import Action, Cell, Scheduler
from tests.simulation.engine.trace import Trace

WhoT = TypeVar("WhoT")


class Crash(BaseException):
    """The process is gone. No Exception, so that nothing in it may handle it."""


class Held(Protocol):
    """A thread or a coroutine, wherever it has come to."""

    def close(self) -> None: ...


class Turn(Generic[WhoT]):
    """`whose` turn it is. No attribute of their class: whenever a class changes, looking at its instances gets slow."""

    __slots__ = ("whose",)

    def __init__(self) -> None:
        self.whose: WhoT | None = None


class Kernel:
    """What all processes of one simulation share."""

    def __init__(self, scheduler: Scheduler, trace: Trace) -> None:
        self.scheduler = scheduler
        self.random = scheduler.random
        self.trace = trace
        self.failures: list[str] = []

    def note(self, who: str, what: str) -> None:
        self.trace.add(self.scheduler.now, who, what)


class Process:
    """`skew_seconds` is how far its wall clock is off; `slowness` multiplies all its delays; `fuse` counts the steps
    (calls of ports, turns of the loop, writes to the disk) that it has left to live, where that is decided.
    """

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel = kernel
        self._scheduler = kernel.scheduler
        self._at = kernel.scheduler.at
        self._doing = self._do
        self._random = kernel.random.random
        self.name = name
        self.alive = True
        self.skew_seconds = 0.0
        self.slowness = 1.0
        self.fuse: int | None = None
        # What happens when it comes to this call of a port.
        self.trap: tuple[str, Action] | None = None
        self.paused_until = 0.0
        self.on_death: list[Callable[[], None]] = []
        # Has something done where the process waits for such things: in its event loop, if it has one.
        self.enter: Callable[[Action], None] = _at_once
        self.held: list[Held] = []

    def now(self) -> datetime:
        """Its wall clock, and so the port core.ports.Clock."""
        date = self._scheduler.date()
        return date + timedelta(seconds=self.skew_seconds) if self.skew_seconds else date

    @property
    def paused(self) -> bool:
        return self.paused_until > self.kernel.scheduler.now

    def at(self, when: float, action: Action) -> Cell:
        return self._at(when, action, self._doing)

    def soon(self, action: Action) -> Cell:
        """After the little time that anything takes."""
        return self._at(self._scheduler.now + self.latency(), action, self._doing)

    def latency(self) -> float:
        return (0.0001 + 0.003 * self._random()) * self.slowness

    def _do(self, action: Action) -> None:
        if not self.alive:
            return
        if self.paused_until > self._scheduler.now:
            self._at(self.paused_until, action, self._doing)
            return
        before, process_turn.whose = process_turn.whose, self
        try:
            action()
        except Crash:
            return
        finally:
            process_turn.whose = before

    def step(self) -> None:
        """One step of the process is done; it may have been the last. Raises Crash."""
        if not self.alive:
            raise Crash(self.name)
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                self.kill("its fuse burnt down")
                raise Crash(self.name)

    def kill(self, why: str) -> None:
        if not self.alive:
            return
        self.kernel.note(self.name, f"killed: {why}")
        self.alive = False
        for call in self.on_death:
            call()

    def pause(self, seconds: float) -> None:
        """As SIGSTOP, and SIGCONT after `seconds`."""
        self.kernel.note(self.name, f"paused for {seconds:.1f} s")
        self.paused_until = self.kernel.scheduler.now + seconds

    def bury(self) -> None:
        """After the simulation: threads and coroutines let go of what they hold, and can do nothing more about it."""
        for held in self.held:
            with suppress(BaseException):
                held.close()
        self.held.clear()

    def failed(self, error: BaseException | str) -> None:
        """Something in it came out that nobody handled."""
        self.kernel.scheduler.attention = True
        self.kernel.failures.append(f"{self.name}: {error!r}" if isinstance(error, BaseException) else error)


process_turn: Turn[Process] = Turn()


def _at_once(action: Action) -> None:
    action()
