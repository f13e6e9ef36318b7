"""What /proc tells about processes: who descends from whom, and whether a pid is still the process it was."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def start_time(pid: int) -> int:
    """Clock ticks after boot at which the process started: with the pid, its identity. 0: there is none."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def descendants(root: int) -> list[int]:
    """All processes below `root`, parents before children. What is started meanwhile may be missing."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(int(entry))):
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


def kill_session(leader: int, started: int) -> int:
    """SIGKILL the session's members, if it is still the one whose leader started then; answers how many there were.

    While a session has members, no new process gets its number as pid.
    """
    if start_time(leader) not in (0, started):
        return 0
    members = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _session(pid) == leader]
    send_signal(members, signal.SIGKILL)
    return len(members)


def _session(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[3]) if fields else 0


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (the name before it may hold anything)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []
