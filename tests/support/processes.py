"""Small real child processes for tests, and waiting for a process's end without guessing times."""

import os
import select
import sys
from pathlib import Path

from infra.embedded.process import ProcessSpec

_GIVE_UP_MS = 30_000


def python_spec(name: str, folder: Path, source: str, grace_seconds: float = 10.0) -> ProcessSpec:
    """A child that runs `source`; it is ready when it has made the file `<name>.ready` in `folder`."""
    marker = folder / f"{name}.ready"
    program = f"import pathlib, signal, sys, time\n{source}"
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-I", "-S", "-c", program),
        log_path=folder / f"{name}.log",
        ready=marker.exists,
        cwd=folder,
        grace_seconds=grace_seconds,
        ready_timeout_seconds=30,
    )


def sleeper(name: str, folder: Path) -> ProcessSpec:
    """A child that gets ready and then sleeps until a signal ends it."""
    return python_spec(name, folder, f"pathlib.Path('{name}.ready').touch()\nsignal.pause()")


def await_end(pid: int) -> None:
    """Returns when the process has ended, also when it is not our child. Raises TimeoutError."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        waiter = select.poll()
        waiter.register(descriptor, select.POLLIN)
        if not waiter.poll(_GIVE_UP_MS):
            raise TimeoutError(f"process {pid} still runs")
    finally:
        os.close(descriptor)
