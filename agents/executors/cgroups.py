"""Control groups for memory, processes and CPU of a job: version 2 where it is delegated to us, else version 1.

Each job gets a group of its own below the agent's, so whoever limits the agent limits its jobs too.
"""

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agents.executors.base import LimitHits
from agents.executors.processes import send_signal

CONTROLLERS = ("memory", "pids", "cpu")
_CPU_PERIOD_US = 100_000


class CgroupBase:
    """Where groups can be made. `parents` by controller; with version 2 they are all the same one."""

    def __init__(self, version: int, parents: dict[str, Path]) -> None:
        self.version = version
        self._parents = parents

    @property
    def controllers(self) -> tuple[str, ...]:
        return tuple(self._parents)

    def create(self, name: str) -> "JobCgroup":
        """Raises OSError."""
        group = JobCgroup(self.version, {key: path / name for key, path in self._parents.items()})
        for path in group.paths:
            path.mkdir(exist_ok=True)
        return group


class JobCgroup:
    """The group of one job. A process enters by writing 0 to each of `entries`."""

    def __init__(self, version: int, directories: dict[str, Path]) -> None:
        self._version = version
        self._directories = directories

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(self._directories.values()))

    @property
    def entries(self) -> tuple[str, ...]:
        return tuple(str(path / "cgroup.procs") for path in self.paths)

    def limit(self, memory_bytes: int, processes: int, cpu: float) -> None:
        """Raises OSError."""
        quota = str(int(cpu * _CPU_PERIOD_US))
        wanted = {
            1: (
                ("memory", "memory.limit_in_bytes", str(memory_bytes)),
                ("pids", "pids.max", str(processes)),
                ("cpu", "cpu.cfs_period_us", str(_CPU_PERIOD_US)),
                ("cpu", "cpu.cfs_quota_us", quota),
            ),
            2: (
                ("memory", "memory.max", str(memory_bytes)),
                ("pids", "pids.max", str(processes)),
                ("cpu", "cpu.max", f"{quota} {_CPU_PERIOD_US}"),
            ),
        }
        for controller, name, value in wanted[self._version]:
            if controller in self._directories:
                (self._directories[controller] / name).write_text(value)
        for controller, name, value in (
            ("memory", "memory.memsw.limit_in_bytes", str(memory_bytes)),
            ("memory", "memory.swap.max", "0"),
        ):
            file = self._directories.get(controller, Path("/nonexistent")) / name
            if file.exists():
                file.write_text(value)

    def hits(self) -> LimitHits:
        memory_file = "memory.oom_control" if self._version == 1 else "memory.events"
        return LimitHits(self._counter("memory", memory_file, "oom_kill"), self._counter("pids", "pids.events", "max"))

    def pids(self) -> set[int]:
        found: set[int] = set()
        for path in self.paths:
            with suppress(OSError):
                found.update(map(int, (path / "cgroup.procs").read_text().split()))
        return found

    def kill(self, timeout_seconds: float = 5.0) -> None:
        """SIGKILL everything in the group until it is empty. Blocks; for a group that was left behind."""
        give_up = time.monotonic() + timeout_seconds
        while (pids := self.pids()) and time.monotonic() < give_up:
            send_signal(pids, signal.SIGKILL)
            time.sleep(0.01)

    def remove(self) -> bool:
        """Whether the group is gone; one that still has processes stays."""
        for path in self.paths:
            with suppress(FileNotFoundError, OSError):
                path.rmdir()
        return not any(path.exists() for path in self.paths)

    def _counter(self, controller: str, name: str, key: str) -> int:
        with suppress(OSError, KeyError, ValueError):
            for line in (self._directories[controller] / name).read_text().splitlines():
                field, _, value = line.partition(" ")
                if field == key:
                    return int(value)
        return 0


def find_base(proc: Path = Path("/proc/self")) -> CgroupBase | None:
    """This process's own group, or the topmost, if jobs' groups can be made in it; None where none can."""
    own = _own_groups(proc)
    unified, legacy = _mounts(proc)
    if unified is not None and (base := _unified_base(unified, own.get("", "/"))):
        return base
    parents: dict[str, Path] = {}
    for controller in CONTROLLERS:
        mount = legacy.get(controller)
        candidates = () if mount is None else (mount / own.get(controller, "/").lstrip("/"), mount)
        found = next((path for path in candidates if _can_hold_groups(path)), None)
        if found is not None:
            parents[controller] = found
    return CgroupBase(1, parents) if parents else None


def clear_groups(paths: list[Path]) -> int:
    """End what is left in these groups and remove them; answers with how many processes there were."""
    group = JobCgroup(1, {str(path): path for path in paths if path.is_dir()})
    left = len(group.pids())
    group.kill()
    group.remove()
    return left


def _can_hold_groups(path: Path) -> bool:
    """Tried out: permissions, read-only mounts and missing directories all show."""
    probe = path / f"sealane-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def _unified_base(mount: Path, own: str) -> CgroupBase | None:
    for parent in dict.fromkeys((mount / own.lstrip("/"), mount)):
        with suppress(OSError):
            available = (parent / "cgroup.controllers").read_text().split()
            wanted = [controller for controller in CONTROLLERS if controller in available]
            if ("memory" in wanted or "pids" in wanted) and _can_hold_groups(parent):
                _enable(parent, wanted)
                return CgroupBase(2, dict.fromkeys(wanted, parent))
    return None


def _enable(group: Path, controllers: list[str]) -> None:
    """Let children of the group be limited. A group that holds processes can't: we move out of its way."""
    words = " ".join(f"+{controller}" for controller in controllers)
    try:
        (group / "cgroup.subtree_control").write_text(words)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        leaf = group / "sealane-agent"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        (group / "cgroup.subtree_control").write_text(words)


def _own_groups(proc: Path) -> dict[str, str]:
    """Controller -> our group; the key of version 2 is empty."""
    groups: dict[str, str] = {}
    with suppress(OSError):
        for line in (proc / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _mounts(proc: Path) -> tuple[Path | None, dict[str, Path]]:
    """Where version 2 is mounted, and each controller of version 1."""
    unified: Path | None = None
    legacy: dict[str, Path] = {}
    for mount_point, kind, options in _cgroup_mounts(proc):
        if kind == "cgroup2":
            unified = unified or mount_point
        else:
            legacy.update({one: mount_point for one in CONTROLLERS if one in options.split(",")})
    return unified, legacy


def _cgroup_mounts(proc: Path) -> Iterator[tuple[Path, str, str]]:
    with suppress(OSError):
        for line in (proc / "mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            if kind in ("cgroup", "cgroup2"):
                yield Path(before.split(" ")[4]), kind, options
