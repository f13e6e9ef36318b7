"""Processes that outlive whoever started them: a session of their own, a pid file, a lock that dies with them.

The process itself writes its pid file and holds the lock, so a starter that is killed at any point leaves either
nothing or a process that the next one finds.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from agents.executors.processes import kill_session, stat_fields

LOG_BYTES = 10 << 20
PID_FILE_SECONDS = 5.0
_TAIL_BYTES = 4096
# Its own line of /proc holds pid and start time: together they name it as long as the machine runs.
_LAUNCH = 'read -r line < "/proc/$$/stat" && printf "%s\\n" "$line" > "$1" && shift && exec "$@"'


class Pid(NamedTuple):
    number: int
    started: int


class Busy(Exception):
    """A process of this place runs already, or is just being started."""


class Detached:
    """At most one process, in the directory `place` (files `pid`, `running`, `log`)."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.log = place / "log"

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        """Raises Busy, or OSError where it can't be started."""
        self.place.mkdir(parents=True, exist_ok=True)
        held = os.open(self.place / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (self.place / "pid").unlink(missing_ok=True)
            self._spawn(("/bin/sh", "-c", _LAUNCH, "sh", str(self.place / "pid"), *argv), env, cwd, held)
        except BlockingIOError as error:
            raise Busy(f"a process of {self.place} runs already") from error
        finally:
            os.close(held)

    def _spawn(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, held: int) -> None:
        self.shorten_log()
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=(held,),
            )
        _children.add(child)

    def shorten_log(self) -> None:
        """So that it can't fill the disk: what is too long becomes `log.1`. The process goes on writing at the end."""
        try:
            if self.log.stat().st_size > LOG_BYTES:
                shutil.copyfile(self.log, self.log.with_name("log.1"))
                os.truncate(self.log, 0)
        except FileNotFoundError:
            return

    @property
    def pid(self) -> Pid | None:
        """The process, if it lives."""
        pid = self._noted()
        return pid if pid is not None and lives(pid) else None

    @property
    def runs(self) -> bool:
        """Whether it lives, or is just being started: there is no pid file yet, but a holder of the lock."""
        pid = self._noted()
        return self._is_held() if pid is None else lives(pid)

    def signal(self, number: signal.Signals) -> None:
        """To the process and all of its group."""
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid.number, number)

    def kill(self) -> None:
        """Everything of its session, at once; also what a leader that is gone left behind."""
        pid = self._noted_soon()
        if pid is not None:
            kill_session(pid.number, pid.started)
        deadline = time.monotonic() + PID_FILE_SECONDS
        while self._is_held() and time.monotonic() < deadline:
            _children.reap()
            time.sleep(0.01)

    def tail(self) -> str:
        """The end of what it wrote."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-10:])[-1500:]

    def _noted_soon(self) -> Pid | None:
        """A process that is just starting writes its pid in the next moment."""
        deadline = time.monotonic() + PID_FILE_SECONDS
        while (pid := self._noted()) is None and self._is_held() and time.monotonic() < deadline:
            time.sleep(0.01)
        return pid or self._noted()

    def _noted(self) -> Pid | None:
        _children.reap()
        try:
            number, _, rest = (self.place / "pid").read_text(errors="replace").partition(" ")
            return Pid(int(number), int(rest.rpartition(")")[2].split()[19]))
        except (OSError, ValueError, IndexError):
            return None

    def _is_held(self) -> bool:
        try:
            descriptor = os.open(self.place / "running", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)


def lives(pid: Pid) -> bool:
    """Whether that process is there and not just waiting to be buried."""
    fields = stat_fields(pid.number)
    return bool(fields) and fields[0] not in "ZX" and int(fields[19]) == pid.started


class _Children:
    """Those that this process started are its children as long as it lives, and have to be waited for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[subprocess.Popen[bytes]] = []

    def add(self, child: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._all.append(child)

    def reap(self) -> None:
        with self._lock:
            self._all = [child for child in self._all if child.poll() is None]


_children = _Children()
