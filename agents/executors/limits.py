"""What keeps one job from taking the machine: control groups where we may make them, else resource limits."""

import os
import shutil
from contextlib import suppress

from agents.config import Limits
from agents.executors.base import LimitHits, SandboxError
from agents.executors.cgroups import CgroupBase, JobCgroup, find_base
from core.pipeline.plan import Resources

# When the machine runs out of memory, the kernel ends a job and not the agent that reports its end.
_ENTER = """echo 500 2>/dev/null >/proc/self/oom_score_adj
while [ "$1" != -- ]; do echo 0 >"$1" || exit 125; shift; done; shift; exec "$@"
"""


class LimitMaker:
    """Makes the limits of jobs; one per agent. `describe` is for people."""

    def __init__(self, limits: Limits, agent_id: str) -> None:
        self._limits = limits
        self._name = f"sealane-{agent_id}"
        self._base: CgroupBase | None = find_base()
        self._prlimit = shutil.which("prlimit")

    @property
    def describe(self) -> str:
        if self._base is not None:
            return f"cgroup v{self._base.version} limits for {', '.join(self._base.controllers)}"
        return "rlimits per process only" if self._prlimit else "no resource limits"

    def make(self, name: str, resources: Resources) -> "JobLimits":
        """Raises SandboxError."""
        memory_bytes = min(resources.memory_limit_bytes, self._limits.memory_bytes or machine_memory_bytes() * 4 // 5)
        if self._base is None:
            return JobLimits(None, self._rlimits(memory_bytes))
        try:
            group = self._base.create(f"{self._name}-{name}")
            group.limit(memory_bytes, self._limits.processes, resources.cpu_limit)
        except OSError as error:
            raise SandboxError(f"the job's control group can't be made: {error}") from error
        return JobLimits(group, self._core_only())

    def _core_only(self) -> tuple[str, ...]:
        return (self._prlimit, "--core=0") if self._prlimit else ()

    def _rlimits(self, memory_bytes: int) -> tuple[str, ...]:
        if not self._prlimit:
            return ()
        return (self._prlimit, "--core=0", f"--as={memory_bytes}", f"--nproc={self._limits.processes}")


class JobLimits:
    """The limits of one job: `wrap` puts a command under them."""

    def __init__(self, group: JobCgroup | None, prefix: tuple[str, ...]) -> None:
        self._group = group
        self._prefix = prefix

    @property
    def cgroup_paths(self) -> tuple[str, ...]:
        return tuple(str(path) for path in self._group.paths) if self._group else ()

    def wrap(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        entries = self._group.entries if self._group else ()
        return ("/bin/sh", "-c", _ENTER, "sh", *entries, "--", *self._prefix, *argv)

    def hits(self) -> LimitHits:
        return self._group.hits() if self._group else LimitHits()

    def close(self) -> None:
        """Blocks for as long as killed processes take to go."""
        if self._group is not None:
            self._group.kill()
            self._group.remove()


def machine_memory_bytes() -> int:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 8 << 30
