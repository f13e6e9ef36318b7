"""One child process under supervision: started, watched, started again when it dies, stopped when told.

Each child has a thread of its own that starts it and then sleeps until it ends. That thread has to live as long as
the child, because the kernel ties a child's life to the thread that started it.
"""

import enum
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from infra.embedded.errors import ServerError
from infra.embedded.process import ProcessSpec, describe_exit, start_process

_log = logging.getLogger(__name__)


class State(enum.StrEnum):
    STARTING = "starting"
    READY = "ready"
    DIED = "died"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Change:
    """What became of a child. `detail` is for a person: why it died and when it is started again; else empty."""

    name: str
    state: State
    pid: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a dead child is started again; doubled each time it dies young."""

    first_seconds: float = 0.2
    longest_seconds: float = 30.0
    settled_after_seconds: float = 30.0

    def after(self, previous_seconds: float, lived_seconds: float) -> float:
        if previous_seconds == 0 or lived_seconds >= self.settled_after_seconds:
            return self.first_seconds
        return min(previous_seconds * 2, self.longest_seconds)


class SupervisedProcess:
    """`first_start` tells when it is ready for the first time, or why it never got there: that is not tried again."""

    def __init__(self, spec: ProcessSpec, backoff: Backoff, on_change: Callable[[Change], None]) -> None:
        self.spec = spec
        self.first_start: Future[None] = Future()
        self.last_change = Change(spec.name, State.STOPPED)
        self._backoff = backoff
        self._on_change = on_change
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"supervise {spec.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks the process to end, kills its group after the grace, and returns when it is gone."""
        if not self._thread.is_alive():
            return
        self._tell(State.STOPPING)
        self._stopping.set()
        self._signal(os.kill, self.spec.stop_signal)
        self._thread.join(self.spec.grace_seconds)
        while self._thread.is_alive():
            self._signal(os.killpg, signal.SIGKILL)
            self._thread.join(1.0)
        self._tell(State.STOPPED)

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            # It may end by itself just now.
            with suppress(ProcessLookupError):
                send(process.pid, number)

    def _live(self) -> None:
        try:
            self._live_on()
        finally:
            if not self.first_start.done():
                error = ServerError("start-failed", f"{self.spec.name} was stopped before it was ready.")
                self.first_start.set_exception(error)

    def _live_on(self) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = self._live_once()
            if self._stopping.is_set():
                return
            if not self.first_start.done():
                self._tell(State.DIED, reason)
                self.first_start.set_exception(ServerError("start-failed", reason))
                return
            delay = self._backoff.after(delay, time.monotonic() - began)
            self._tell(State.DIED, f"{reason}; starts again in {delay:.1f} s")
            self._stopping.wait(delay)

    def _live_once(self) -> str:
        """Starts the process and returns how it ended."""
        self._tell(State.STARTING)
        try:
            process = start_process(self.spec, self._note_spawned)
        except ServerError as error:
            return error.detail
        self._tell(State.READY)
        if not self.first_start.done():
            self.first_start.set_result(None)
        return f"{self.spec.name} ended with {describe_exit(process.wait())}"

    def _note_spawned(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        # A stop that came while there was no process to signal.
        if self._stopping.is_set():
            self._signal(os.kill, self.spec.stop_signal)

    def _tell(self, state: State, detail: str = "") -> None:
        pid = self._process.pid if self._process is not None and state in (State.READY, State.STOPPING) else None
        self.last_change = Change(self.spec.name, state, pid, detail)
        try:
            self._on_change(self.last_change)
        except Exception:
            # A view that can't show a change (a closed terminal) must not cost the child its supervisor.
            _log.exception("could not report that %s is %s", self.spec.name, state)
