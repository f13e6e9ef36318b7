"""The supervisor over real child processes."""

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.embedded.errors import ServerError
from infra.embedded.supervised import Backoff, Change, State
from infra.embedded.supervisor import Supervisor, running_supervisor, stop_running
from tests.support.processes import await_end, python_spec, sleeper

QUICK = Backoff(first_seconds=0.01, longest_seconds=0.05)


class Changes:
    """Collects what a supervisor reports and waits for a change."""

    def __init__(self) -> None:
        self.seen: list[Change] = []
        self._arriving: queue.Queue[Change] = queue.Queue()

    def __call__(self, change: Change) -> None:
        self._arriving.put(change)

    def await_next(self, fits: Callable[[Change], bool]) -> Change:
        while True:
            change = self._arriving.get(timeout=30)
            self.seen.append(change)
            if fits(change):
                return change

    def states(self) -> list[tuple[str, State]]:
        while not self._arriving.empty():
            self.seen.append(self._arriving.get())
        return [(change.name, change.state) for change in self.seen]


def pid_of(supervisor: Supervisor, name: str) -> int:
    return next(change.pid for change in supervisor.status() if change.name == name and change.pid is not None)


def test_children_are_ready_after_start_and_stopped_in_reverse_order(tmp_path: Path) -> None:
    changes = Changes()
    with Supervisor(tmp_path, changes) as supervisor:
        supervisor.start(sleeper("first", tmp_path))
        supervisor.start(sleeper("second", tmp_path))
        pids = [pid_of(supervisor, name) for name in ("first", "second")]

    assert changes.states() == [
        ("first", State.STARTING),
        ("first", State.READY),
        ("second", State.STARTING),
        ("second", State.READY),
        ("second", State.STOPPING),
        ("second", State.STOPPED),
        ("first", State.STOPPING),
        ("first", State.STOPPED),
    ]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_killed_child_is_started_again_under_a_new_pid(tmp_path: Path) -> None:
    changes = Changes()
    with Supervisor(tmp_path, changes, QUICK) as supervisor:
        supervisor.start(sleeper("worker", tmp_path))
        first = changes.await_next(lambda change: change.state is State.READY)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        died = changes.await_next(lambda change: change.state is State.DIED)
        again = changes.await_next(lambda change: change.state is State.READY)

    assert "signal SIGKILL" in died.detail
    assert again.pid not in (None, first.pid)


def test_child_that_keeps_dying_is_given_more_time_each_time() -> None:
    backoff = Backoff(first_seconds=1, longest_seconds=5, settled_after_seconds=60)

    assert backoff.after(0, lived_seconds=0) == 1
    assert backoff.after(1, lived_seconds=2) == 2
    assert backoff.after(4, lived_seconds=2) == 5
    assert backoff.after(5, lived_seconds=61) == 1


def test_child_that_ignores_the_request_to_end_is_killed_after_the_grace(tmp_path: Path) -> None:
    deaf = python_spec(
        "deaf",
        tmp_path,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\npathlib.Path('deaf.ready').touch()\nwhile True: signal.pause()",
        grace_seconds=0.1,
    )
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(deaf)
        pid = pid_of(supervisor, "deaf")
        supervisor.stop("deaf")

    assert not Path(f"/proc/{pid}").exists()


def test_child_that_never_gets_ready_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    broken = python_spec("broken", tmp_path, "sys.exit('no such flag: --colour')")
    with Supervisor(tmp_path) as supervisor, pytest.raises(ServerError) as refused:
        supervisor.start(broken)

    assert refused.value.code == "start-failed"
    assert "exit code 1" in refused.value.detail
    assert "no such flag: --colour" in refused.value.detail


def test_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = replace(sleeper("missing", tmp_path), argv=("/nowhere/program",))
    with Supervisor(tmp_path) as supervisor, pytest.raises(ServerError, match="cannot run /nowhere/program"):
        supervisor.start(missing)


def test_failure_of_one_leaves_the_others_of_the_same_start_running(tmp_path: Path) -> None:
    broken = python_spec("broken", tmp_path, "sys.exit(3)")
    with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ServerError):
            supervisor.start(broken, sleeper("sound", tmp_path))
        supervisor.start(sleeper("later", tmp_path))
        states = {change.name: change.state for change in supervisor.status()}

    assert states["broken"] is State.DIED
    assert states["sound"] in (State.STARTING, State.READY)
    assert states["later"] is State.READY


def test_second_supervisor_of_a_directory_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with Supervisor(tmp_path), pytest.raises(ServerError) as refused, Supervisor(tmp_path):
        pass

    assert refused.value.code == "already-running"
    assert str(os.getpid()) in refused.value.detail


def test_directory_is_free_again_after_the_supervisor_left(tmp_path: Path) -> None:
    with Supervisor(tmp_path):
        assert running_supervisor(tmp_path) == os.getpid()

    assert running_supervisor(tmp_path) is None
    assert stop_running(tmp_path) is False


def test_view_that_fails_does_not_cost_a_child_its_life(tmp_path: Path) -> None:
    def closed_terminal(change: Change) -> None:
        raise BrokenPipeError

    with Supervisor(tmp_path, closed_terminal) as supervisor:
        supervisor.start(sleeper("worker", tmp_path))
        assert Path(f"/proc/{pid_of(supervisor, 'worker')}").exists()


HOST = """
import pathlib, signal, sys, threading
from infra.embedded.supervisor import Supervisor
from tests.support.processes import sleeper
folder = pathlib.Path(sys.argv[1])
asked = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
with Supervisor(folder) as supervisor:
    supervisor.start(sleeper("worker", folder))
    print(supervisor.status()[0].pid, flush=True)
    asked.wait()
"""


def supervisor_process(folder: Path) -> tuple["subprocess.Popen[str]", int]:
    """A supervisor in a process of its own, and its child's pid."""
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(folder)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert host.stdout is not None
    return host, int(host.stdout.readline())


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    host, child = supervisor_process(tmp_path)
    with host:
        host.kill()

    await_end(child)
    assert running_supervisor(tmp_path) is None


def test_running_supervisor_can_be_stopped_from_another_process(tmp_path: Path) -> None:
    host, child = supervisor_process(tmp_path)
    with host:
        assert running_supervisor(tmp_path) == host.pid
        assert stop_running(tmp_path) is True

    assert host.returncode == 0
    await_end(child)
