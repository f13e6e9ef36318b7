"""One child process: how it is started, known to be ready, measured and stopped.

Children start through launch.py, so they die with the thread that started them: start them from a thread that lives
as long as they shall.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded.errors import ServerError

Progress = Callable[[str], None]

_LAUNCH = Path(__file__).with_name("launch.py")
_FIRST_READY_POLL_SECONDS = 0.02
_LONGEST_READY_POLL_SECONDS = 0.1
_LOG_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 16 * 1024
_TAIL_LINES = 15


def silent(message: str) -> None:
    """Progress for those who show none."""


@dataclass(frozen=True)
class ProcessSpec:
    """A child process. `env` is added to ours. `owner` is the (uid, gid) to run as; None keeps ours.

    `ready` is asked from the time the process runs and must answer within about a second. `death_signal` is what
    the child gets when its parent is gone; 0 lets it outlive the parent.
    """

    name: str
    argv: tuple[str, ...]
    log_path: Path
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    owner: tuple[int, int] | None = None
    other_logs: tuple[Path, ...] = ()
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    grace_seconds: float = 10.0
    ready_timeout_seconds: float = 60.0


def spawn(spec: ProcessSpec) -> "subprocess.Popen[bytes]":
    """Starts the process in a session of its own, so that a Ctrl-C in the terminal reaches only its supervisor.

    Raises ServerError(start-failed) when not even that works.
    """
    try:
        _rotate(spec.log_path)
        return _popen(spec)
    except OSError as error:
        raise ServerError("start-failed", f"{spec.name} could not be started: {error}") from error


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def _popen(spec: ProcessSpec) -> "subprocess.Popen[bytes]":
    with spec.log_path.open("ab") as log:
        return subprocess.Popen(
            launched(spec.argv, spec.owner, spec.death_signal),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=spec.cwd,
            env={**os.environ, **spec.env},
            start_new_session=True,
        )


def launched(
    argv: Sequence[str], owner: tuple[int, int] | None = None, death_signal: int = signal.SIGKILL
) -> list[str]:
    """The command that runs `argv` as `owner` and tied to this process."""
    who = "-" if owner is None else f"{owner[0]}:{owner[1]}"
    tie = (str(os.getpid()), str(int(death_signal)), who)
    return [sys.executable, "-I", "-S", str(_LAUNCH), *tie, *argv]


def wait_ready(process: "subprocess.Popen[bytes]", spec: ProcessSpec) -> None:
    """Returns when `spec.ready()` says so. Raises ServerError with the end of the log when it can't come to that."""
    deadline = time.monotonic() + spec.ready_timeout_seconds
    pause = _FIRST_READY_POLL_SECONDS
    while not spec.ready():
        if process.poll() is not None:
            raise start_failed(spec, f"ended with {describe_exit(process.returncode)} before it was ready")
        if time.monotonic() > deadline:
            raise start_failed(spec, f"was not ready after {spec.ready_timeout_seconds:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.2, _LONGEST_READY_POLL_SECONDS)


def stop(process: "subprocess.Popen[bytes]", spec: ProcessSpec) -> None:
    """Asks the process to end, and kills its whole process group after the grace."""
    if process.poll() is None:
        process.send_signal(spec.stop_signal)
        try:
            process.wait(spec.grace_seconds)
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills the process and what it started, at once."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_failed(spec: ProcessSpec, what: str) -> ServerError:
    return ServerError("start-failed", f"{spec.name} {what}. {_ends_of_logs(spec)}")


def _ends_of_logs(spec: ProcessSpec) -> str:
    written = [path for path in (spec.log_path, *spec.other_logs) if path.exists() and path.stat().st_size]
    return "\n".join(f"End of {path}:\n{log_tail(path)}" for path in written or [spec.log_path])


def describe_exit(returncode: int) -> str:
    """`signal SIGKILL` or `exit code 1`, from a Popen's return code."""
    return f"signal {signal.Signals(-returncode).name}" if returncode < 0 else f"exit code {returncode}"


def log_tail(path: Path) -> str:
    """The last lines of a log file without Java's stack frames, or what stands for them when there are none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"(no log: {error.strerror})"
    telling = [line for line in lines if not line.startswith("\tat ")]
    return "\n".join(telling[-_TAIL_LINES:]) or "(the log is empty)"


class Server:
    """A running server that this process started."""

    def __init__(self, spec: ProcessSpec, process: "subprocess.Popen[bytes]") -> None:
        self.spec = spec
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        stop(self._process, self.spec)

    def kill(self) -> None:
        """Ends the server the hard way, as a crash would."""
        kill(self._process)

    def rss_bytes(self) -> int:
        return resident_bytes(self.pid)


def start_process(
    spec: ProcessSpec, on_spawned: "Callable[[subprocess.Popen[bytes]], None]" = lambda process: None
) -> "subprocess.Popen[bytes]":
    """Starts the process and waits until it is ready; a failed start leaves nothing running."""
    process = spawn(spec)
    on_spawned(process)
    try:
        wait_ready(process, spec)
    except BaseException:
        kill(process)
        raise
    return process


def resident_bytes(pid: int) -> int:
    """Memory of the process and its children; pages they share count once where the kernel lets us see that."""
    return sum(_resident_bytes_of_one(each) for each in (pid, *_children(pid)))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            found += [child, *_children(child)]
    return found


def _resident_bytes_of_one(pid: int) -> int:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
        except OSError:
            continue
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)
    return 0
