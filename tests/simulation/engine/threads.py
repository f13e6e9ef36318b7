"""`threading` for production code in the simulation: threads are greenlets of their process, and wait in virtual time.

A thread gives way where it waits, sleeps or calls a port, so other processes act between any two of its steps.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any

from greenlet import getcurrent, greenlet

from tests.simulation.engine.process import Crash, Turn, process_turn
from tests.simulation.engine.scheduler import Cell, Scheduler


class Thread:
    """See threading.Thread. `topics` are those whose new records wake it while it waits for the log."""

    def __init__(
        self,
        target: Callable[..., None],
        name: str = "",
        daemon: bool = True,
        args: Iterable[Any] = (),
        topics: frozenset[str] | None = None,
    ) -> None:
        assert process_turn.whose is not None, "threads are made by processes"
        self.process = process_turn.whose
        self.name = name
        self.topics = topics
        # Waiting for the log: whether it does, whether something came meanwhile, by how much it stretches the wait.
        self.idle = self.news = False
        self.patience = 1.0
        self._target = target
        self._args = tuple(args)
        self._greenlet = greenlet(self._run)
        self._main: greenlet | None = None
        self._ended = Event()
        self._wait = 0
        self._timeout: Cell | None = None
        self._timed_out = False

    def start(self) -> None:
        self.process.held.append(self)
        self.process.soon(lambda: self._switch(self._wait))

    def join(self, timeout: float | None = None) -> None:
        if thread_turn.whose is None:
            return  # asyncio.to_thread(thread.join): the loop waits for nobody, the process ends anyway.
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        return not self._ended.is_set()

    def close(self) -> None:
        """After the end of the simulation: let go of everything that it holds."""
        if self._greenlet and not self._greenlet.dead:
            self._greenlet.throw(Crash)

    def block(self, seconds: float | None) -> bool:
        """Give way until wake() or `seconds` from now; whether it was woken."""
        self._wait += 1
        wait = self._wait
        self._timed_out = False
        if seconds is not None:
            when = self.process.kernel.scheduler.now + max(seconds, 0.0)
            self._timeout = self.process.at(when, partial(self._time_out, wait))
        thread_turn.whose = None
        assert self._main is not None
        self._main.switch()
        thread_turn.whose = self
        return not self._timed_out

    def wake(self, seconds: float = 0.0) -> None:
        wait = self._wait
        delay = self.process.latency() + seconds * self.process.slowness
        self.process.at(self.process.kernel.scheduler.now + delay, lambda: self._switch(wait))

    def _time_out(self, wait: int) -> None:
        if wait == self._wait:
            self._timed_out = True
            self._switch(wait)

    def _switch(self, wait: int) -> None:
        if wait != self._wait or self._greenlet.dead:
            return
        self._wait += 1
        if self._timeout is not None:
            Scheduler.cancel(self._timeout)
            self._timeout = None
        self._main = getcurrent()
        before, thread_turn.whose = thread_turn.whose, self
        try:
            self._greenlet.switch()
        finally:
            thread_turn.whose = before

    def _run(self) -> None:
        thread_turn.whose = self
        try:
            self._target(*self._args)
        except Crash:
            return
        except BaseException as error:
            self.process.failed(error)
            self.process.kill(f"thread {self.name} ended by {error!r}")
        self._ended.set()


thread_turn: Turn[Thread] = Turn()


def current_thread() -> Thread:
    assert thread_turn.whose is not None, "only a thread can wait; this is an event loop"
    return thread_turn.whose


def sleep(seconds: float) -> None:
    """See time.sleep."""
    current_thread().block(seconds)


class _Waiters:
    """Threads that wait for something, first come first served."""

    def __init__(self) -> None:
        self._threads: deque[Thread] = deque()

    def wait(self, seconds: float | None) -> bool:
        thread = current_thread()
        self._threads.append(thread)
        woken = thread.block(seconds)
        if not woken and thread in self._threads:
            self._threads.remove(thread)
        return woken

    def __bool__(self) -> bool:
        return bool(self._threads)

    def wake(self, count: int = 1 << 30) -> None:
        while self._threads and count:
            self._threads.popleft().wake()
            count -= 1


class Event:
    """See threading.Event."""

    def __init__(self) -> None:
        self._set = False
        self._waiters = _Waiters()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._waiters.wake()

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._waiters.wait(timeout)
        return self._set


class Semaphore:
    """See threading.Semaphore."""

    def __init__(self, value: int = 1) -> None:
        self._value = value
        self._waiters = _Waiters()

    def acquire(self, timeout: float | None = None) -> bool:
        while self._value == 0:
            if not self._waiters.wait(timeout):
                return False
        self._value -= 1
        return True

    def release(self) -> None:
        self._value += 1
        if self._waiters:
            self._waiters.wake(1)

    def __enter__(self) -> None:
        if self._value:
            self._value -= 1
        else:
            self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Lock(Semaphore):
    """See threading.Lock. Between calls of ports nobody else acts, so most locks are always free."""


class Condition(Lock):
    """See threading.Condition."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = _Waiters()

    def wait(self, timeout: float | None = None) -> bool:
        self.release()
        woken = self._waiting.wait(timeout)
        self.acquire()
        return woken

    def notify(self, n: int = 1) -> None:
        self._waiting.wake(n)

    def notify_all(self) -> None:
        self._waiting.wake()
