"""An asyncio event loop of a simulated process: virtual time, no sockets, no threads, and an end without goodbyes."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Protocol, cast

from tests.simulation.engine.process import Crash, Process

MONOTONIC_START = 1000.0


class Readable(Protocol):
    """What a file descriptor stands for. `watch` calls back while there is something to read; None ends it."""

    def watch(self, reader: Callable[[], None] | None) -> None: ...


def _no_pipe(fd: int) -> Readable:
    raise OSError(f"no such file descriptor: {fd}")


class Loop:
    """As much of a loop as tasks, futures, timers and to_thread() need. One turn runs what was ready before it."""

    def __init__(self, process: Process, pipe: Callable[[int], Readable] = _no_pipe) -> None:
        self._process = process
        self._pipe = pipe
        self._itself = cast(asyncio.AbstractEventLoop, self)
        self._ready: deque[asyncio.Handle] = deque()
        self._turning = False

    def time(self) -> float:
        return MONOTONIC_START + self._process.kernel.scheduler.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._process.alive

    def is_closed(self) -> bool:
        return not self._process.alive

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self._itself, context)
        if self._process.alive:
            self._ready.append(handle)
            if not self._turning:
                self._turning = True
                self._process.soon(self._turn)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self._itself, context)
        if self._process.alive:
            self._process.at(when - MONOTONIC_START, lambda: self._run_timer(timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Timers look for themselves when their time has come."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self._itself)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self._itself, name=name or "task", context=context)
        self._process.held.append(coro)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """Some other thread does it a little later, in one go."""
        future = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:
                future.set_exception(error)

        self._process.soon(lambda: self._in_loop(work))
        return future

    def add_reader(self, fd: int, callback: Callable[..., object], *args: Any) -> None:
        self._pipe(fd).watch(lambda: self._in_loop(partial(callback, *args)))

    def remove_reader(self, fd: int) -> bool:
        self._pipe(fd).watch(None)
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self._process.alive and not isinstance(error, Crash):
            self._process.failed(f"{self._process.name}: {context.get('message')}: {error!r}")

    def _run_timer(self, timer: asyncio.TimerHandle) -> None:
        if not timer.cancelled():
            self._in_loop(timer._run)

    def _turn(self) -> None:
        ready, self._ready = self._ready, deque()
        self._turning = False
        asyncio._set_running_loop(self._itself)
        try:
            for handle in ready:
                if not handle.cancelled():
                    self._process.step()
                    handle._run()
                    if not self._process.alive:
                        return
        except Crash:
            return
        finally:
            asyncio._set_running_loop(None)

    def _in_loop(self, work: Callable[[], object]) -> None:
        asyncio._set_running_loop(self._itself)
        try:
            self._process.step()
            work()
        except Crash:
            return
        finally:
            asyncio._set_running_loop(None)
