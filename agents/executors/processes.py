"""What /proc tells about processes: who descends from whom, and whether a pid is still the process it was."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def start_time(pid: int) -> int:
    """Clock ticks after boot at which the process started: with the pid, its identity. 0: there is none."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def descendants(root: int) -> list[int]:
    """All processes below `root`, parents before children. What is started meanwhile may be missing."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = list(children.get(root, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def namespace_pids(pid: int) -> list[int]:
    """The pid as seen from this process's namespace, then from each nested one; empty when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return [int(number) for number in line.split()[1:]]
    return []


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_if_same(pid: int, started: int) -> bool:
    """SIGKILL a process and its group if it is still the one that started then."""
    if not started or start_time(pid) != started:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    send_signal([pid, *descendants(pid)], signal.SIGKILL)
    return True


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (the name before it may hold anything)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []
