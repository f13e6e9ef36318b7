"""The executor `process`: commands of a job as processes of this machine, in the best sandbox it has."""

import asyncio
import os
import shlex
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from agents.disk import explain
from agents.executors.base import Command, Isolation, JobPaths, JobRequest, SandboxError
from agents.executors.bubblewrap import bubblewrap_argv, find_bubblewrap
from agents.executors.child import Child, spawn
from agents.executors.layout import INSIDE, PRIVATE_DIRECTORIES, job_layout
from agents.executors.limits import JobLimits, LimitMaker
from agents.executors.traces import record_cgroups, record_session
from agents.executors.unshare import find_unshare, unshare_argv

_FIRST_JOB_UID = 61184
_JOB_UIDS = 4096
_KEEP_TOGETHER = str(Path(__file__).with_name("keep_together.py"))


@dataclass(frozen=True)
class ProcessSettings:
    """`hidden`: paths no job may see. `uid_base`: where the uids of this agent's slots begin; None: jobs run as us."""

    isolation: Isolation
    hidden: tuple[str, ...]
    uid_base: int | None


class ProcessExecutor:
    """Makes a ProcessSandbox for each job."""

    runs_images = False

    def __init__(self, settings: ProcessSettings, limits: LimitMaker) -> None:
        self._settings = settings
        self._limits = limits

    @property
    def isolation(self) -> Isolation:
        return self._settings.isolation

    async def prepare(self, job: JobRequest) -> "ProcessSandbox":
        """Raises SandboxError."""
        limits = self._limits.make(job.directory.name, job.resources)
        uid = None if self._settings.uid_base is None else self._settings.uid_base + job.slot
        try:
            if uid is not None:
                for name in (*PRIVATE_DIRECTORIES, "output/values"):
                    os.chown(job.directory / name, uid, uid)
            write_identity(job.directory, os.geteuid() if uid is None else uid)
            record_cgroups(job.directory, limits.cgroup_paths)
        except OSError as error:
            limits.close()
            raise SandboxError(f"the job's directory can't be prepared: {explain(error)}") from error
        return ProcessSandbox(job, self._settings, limits, uid)

    def close(self) -> None:
        """Nothing outlives its job."""


class ProcessSandbox:
    """Each command gets namespaces of its own over the same directories."""

    def __init__(self, job: JobRequest, settings: ProcessSettings, limits: JobLimits, uid: int | None) -> None:
        self._job = job
        self._settings = settings
        self._limits = limits
        self._uid = uid
        self._running: list[Child] = []
        self._commands = 0

    @property
    def paths(self) -> JobPaths:
        return INSIDE if self._settings.isolation.kind != "none" else host_paths(self._job.directory)

    async def run(self, command: Command) -> Child:
        """Raises SandboxError."""
        network = self._job.network if command.network is None else command.network
        inner = ("/bin/sh", self._write_entry(command))
        before = self._limits.hits()
        child = await self._start(inner, network)
        self._running.append(child)
        child.count_hits(self._limits.hits, before)
        try:
            record_session(self._job.directory, child.pid)
        except OSError as error:
            child.kill()
            raise SandboxError(f"the command can't be recorded: {explain(error)}") from error
        return child

    async def close(self) -> None:
        for child in self._running:
            if child.alive:
                child.kill()
                await child.wait()
            child.close()
        await asyncio.to_thread(self._limits.close)

    def _write_entry(self, command: Command) -> str:
        """A script that runs the command with exactly its environment, which no wrapper outside has seen."""
        self._commands += 1
        name = f"command-{self._commands}"
        file = self._job.directory / "scripts" / name
        try:
            file.write_text(entry_script(command))
            file.chmod(0o400)
            if self._uid is not None:
                os.chown(file, self._uid, self._uid)
        except OSError as error:
            raise SandboxError(f"the command can't be written: {explain(error)}") from error
        return f"{self.paths.scripts}/{name}"

    async def _start(self, inner: tuple[str, ...], network: bool) -> Child:
        kind = self._settings.isolation.kind
        if kind == "bubblewrap":
            return await self._start_bubblewrap(inner, network)
        if kind == "unshare":
            layout = job_layout(self._job.directory, self._settings.hidden)
            binary = _found(find_unshare(), "unshare")
            argv = unshare_argv(binary, self._job.directory, layout, network, self._uid, inner)
            return spawn(self._limits.wrap(argv), namespaced=True)
        argv = (sys.executable, "-I", "-S", _KEEP_TOGETHER, *inner)
        return spawn(self._limits.wrap(argv), namespaced=False)

    async def _start_bubblewrap(self, inner: tuple[str, ...], network: bool) -> Child:
        layout = job_layout(self._job.directory, self._settings.hidden)
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            head = bubblewrap_argv(_found(find_bubblewrap(), "bubblewrap"), layout, network, self._uid, write)
            child = spawn(self._limits.wrap((*head, *inner)), namespaced=True, pass_fds=(write,))
        finally:
            os.close(write)
        await child.read_info(read)
        return child


def entry_script(command: Command) -> str:
    """Shell text; every value is quoted, so nothing in it is interpreted. Raises SandboxError for a NUL byte."""
    words = [f"{name}={value}" for name, value in command.env.items()] + list(command.argv)
    if any("\0" in word for word in words) or any("=" in name or not name for name in command.env):
        raise SandboxError("a variable holds a NUL byte, or its name is empty or holds '='")
    directory = shlex.quote(command.directory)
    message = shlex.quote(f"sealane: there is no directory {command.directory}")
    run = " ".join(map(shlex.quote, ["exec", "env", "-i", *words]))
    return f"cd -- {directory} 2>/dev/null || {{ echo {message} >&2; exit 127; }}\n{run}\n"


def host_paths(directory: Path) -> JobPaths:
    """The places of a job without a sandbox."""
    return JobPaths(
        workspace=str(directory / "workspace"),
        home=str(directory / "home"),
        temporary=str(directory / "tmp"),
        output=str(directory / "output"),
        scripts=str(directory / "scripts"),
    )


def write_identity(directory: Path, uid: int) -> None:
    """User and group files in which the job's user has a name, for programs that insist on one."""
    for name, line in (
        ("passwd", f"sealane:x:{uid}:{uid}:Sealane job:{INSIDE.home}:/bin/sh"),
        ("group", f"sealane:x:{uid}:"),
    ):
        known = Path("/etc", name).read_text(errors="replace") if uid != 0 or name == "group" else ""
        text = known if not line else f"{known.rstrip()}\n{line}\n"
        (directory / "etc" / name).write_text(text)


def uid_base(agent_id: str, slots: int) -> int:
    """First uid of the agent's slots, from a range that systemd, too, hands out to nobody in particular."""
    return _FIRST_JOB_UID + zlib.crc32(agent_id.encode()) % (_JOB_UIDS - slots)


def _found(binary: str | None, name: str) -> str:
    if binary is None:
        raise SandboxError(f"{name} is gone from this machine since the agent started")
    return binary
