"""An asyncio event loop of a simulated process: virtual time, no sockets, no threads, and an end without goodbyes."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Protocol, cast

from tests.simulation.engine.process import Crash, Process, Turn
from tests.simulation.engine.scheduler import Action, Cell, Scheduler

MONOTONIC_START = 1000.0
GIVES_WAY = 0.2


class Readable(Protocol):
    """What a file descriptor stands for. `watch` calls back while there is something to read; None ends it."""

    def watch(self, reader: Callable[[], None] | None) -> None: ...


def _no_pipe(fd: int) -> Readable:
    raise OSError(f"no such file descriptor: {fd}")


class Call:
    """As asyncio.Handle and TimerHandle, as far as anybody asks, in half of the time. Timers have a `cell`."""

    __slots__ = ("args", "callback", "cancelled", "cell", "context")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.cell: Cell | None = None
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True
        if self.cell is not None:
            Scheduler.cancel(self.cell)


class Loop:
    """As much of a loop as tasks, futures, timers and to_thread() need. One turn runs what was ready before it.

    The next turn mostly follows at once. Now and then the process gives way before it, as after the last one: then
    others act, and what they send is there in the next.
    """

    def __init__(self, process: Process, pipe: Callable[[int], Readable] = _no_pipe) -> None:
        self._process = process
        self._pipe = pipe
        self._random = process.kernel.random.random
        # Of what belongs to no task.
        self._context = Context()
        self._itself = cast(asyncio.AbstractEventLoop, self)
        self._ready: deque[Call] = deque()
        # Whether turns are being made; if not, and something is ready, when the next one will be.
        self._turning = False
        self._next: Cell | None = None
        process.enter = self._enter
        # Asked for each future there is: no frame of ours. bool() is False.
        self.create_future: Callable[[], asyncio.Future[Any]] = partial(asyncio.Future, loop=self._itself)
        self.get_debug: Callable[[], bool] = bool

    def time(self) -> float:
        return MONOTONIC_START + self._process.kernel.scheduler.now

    def is_running(self) -> bool:
        return self._process.alive

    def is_closed(self) -> bool:
        return not self._process.alive

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Call:
        call = Call(callback, args, context or self._context)
        if self._process.alive:
            self._ready.append(call)
            if not self._turning and self._next is None:
                self._next = self._process.soon(self._turn)
        return call

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Call:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Call:
        call = Call(callback, args, context or self._context)
        if self._process.alive:
            call.cell = self._process.at(when - MONOTONIC_START, partial(self._run, call))
        return call

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

        self._process.soon(partial(self._run, Call(work, (), self._context)))
        return future

    def add_reader(self, fd: int, callback: Callable[..., object], *args: Any) -> None:
        self._pipe(fd).watch(lambda: self._run(Call(callback, args, self._context)))

    def remove_reader(self, fd: int) -> bool:
        self._pipe(fd).watch(None)
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self._process.alive and not isinstance(error, Crash):
            self._process.failed(f"{self._process.name}: {context.get('message')}: {error!r}")

    def _enter(self, action: Action) -> None:
        self._run(Call(action, (), self._context))

    def _run(self, call: Call) -> None:
        """Now, after what was ready before."""
        self._ready.append(call)
        self._turn()

    def _turn(self) -> None:
        if self._next is not None:
            Scheduler.cancel(self._next)
            self._next = None
        ready, process = self._ready, self._process
        self._turning = True
        if loop_turn.whose is not self:
            loop_turn.whose = self
            asyncio._set_running_loop(self._itself)
        try:
            while ready:
                for _ in range(len(ready)):
                    call = ready.popleft()
                    if call.cancelled:
                        continue
                    if process.fuse is not None or not process.alive:
                        process.step()
                    try:
                        call.context.run(call.callback, *call.args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        self.call_exception_handler({"message": f"exception in {call.callback}", "exception": error})
                if ready and self._random() < GIVES_WAY * process.slowness:
                    self._next = process.soon(self._turn)
                    return
        except Crash:
            return
        finally:
            self._turning = False


# Whose turn it is, or was last: threads don't ask for the loop that runs, and to say who it is takes long.
loop_turn: Turn[Loop] = Turn()


def no_loop_runs() -> None:
    """After a simulation."""
    loop_turn.whose = None
    asyncio._set_running_loop(None)
