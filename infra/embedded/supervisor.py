"""Keeps a set of child processes running: starts them in order, restarts what dies, stops all in reverse order.

One supervisor owns a data directory at a time. When it dies, by kill -9 too, its children go with it.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.embedded.errors import ServerError
from infra.embedded.process import ProcessSpec
from infra.embedded.supervised import Backoff, Change, SupervisedProcess

_LOCK_NAME = "supervisor.lock"
_DEFAULT_BACKOFF = Backoff()


def _ignore(change: Change) -> None:
    """For those who show nothing."""


class Supervisor:
    """Use as a context manager: entering takes the data directory, leaving stops every child.

    `on_change` is called from the children's threads, one call for each change of state; it must be quick.
    """

    def __init__(
        self, data_dir: Path, on_change: Callable[[Change], None] = _ignore, backoff: Backoff = _DEFAULT_BACKOFF
    ) -> None:
        self._data_dir = data_dir
        self._on_change = on_change
        self._backoff = backoff
        self._children: dict[str, SupervisedProcess] = {}
        self._lock_file: int | None = None

    def __enter__(self) -> Self:
        """Raises ServerError(already-running) with the pid of the other supervisor."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._data_dir / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            detail = f"Another process (pid {pid}) already runs on {self._data_dir}. Stop it first: `sealane down`."
            raise ServerError("already-running", detail) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock_file = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_all()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def start(self, *specs: ProcessSpec) -> None:
        """Starts the processes side by side and returns when all are ready.

        Raises ServerError with the end of the log of the first that does not come up; the others go on.
        """
        children = [SupervisedProcess(spec, self._backoff, self._on_change) for spec in specs]
        for child in children:
            if child.spec.name in self._children:
                raise ValueError(f"there is a child {child.spec.name!r} already")
            self._children[child.spec.name] = child
            child.start()
        for child in children:
            child.first_start.result()

    def stop(self, name: str) -> None:
        """Stops one child for good."""
        self._children.pop(name).stop()

    def stop_all(self) -> None:
        """Stops every child, the last started first."""
        for name in reversed(list(self._children)):
            self.stop(name)

    def status(self) -> list[Change]:
        """The present state of each child, in the order they were started."""
        return [child.last_change for child in self._children.values()]


def running_supervisor(data_dir: Path) -> int | None:
    """The pid of the supervisor that owns the directory now, if any."""
    try:
        descriptor = os.open(data_dir / _LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return int(os.read(descriptor, 32) or b"0") or None
    finally:
        os.close(descriptor)


def stop_running(data_dir: Path, timeout_seconds: float = 60.0) -> bool:
    """Asks the supervisor that owns the directory to stop, and waits until it has. False: there was none.

    Raises ServerError(still-running) when it does not end in time.
    """
    pid = running_supervisor(data_dir)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_seconds
    while running_supervisor(data_dir) == pid:
        if time.monotonic() > deadline:
            detail = f"Process {pid} was asked to stop {timeout_seconds:.0f} s ago and still runs on {data_dir}."
            raise ServerError("still-running", detail)
        time.sleep(0.1)
    return True
