"""The executor port: where the commands of a job run. Process now; Docker and Kubernetes fit behind it.

A sandbox lives as long as its job: files in its workspace, home and /tmp stay from step to step. Processes
don't: whatever a command leaves running ends with it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from core.pipeline.plan import Resources

IsolationKind = Literal["bubblewrap", "unshare", "none"]


class SandboxError(Exception):
    """The sandbox can't be made or can't start a command; the text is for the job's author or the operator."""


class Isolation(msgspec.Struct, frozen=True):
    """How jobs are kept apart on this machine: one word, and a sentence for people."""

    kind: IsolationKind
    detail: str


@dataclass(frozen=True)
class JobRequest:
    """What a sandbox is prepared for. `directory` is the job's own on this machine (see workspace.py)."""

    attempt_key: str
    slot: int
    directory: Path
    resources: Resources
    network: bool


@dataclass(frozen=True)
class JobPaths:
    """The places of a job as its processes see them."""

    workspace: str
    home: str
    temporary: str
    output: str
    scripts: str


@dataclass(frozen=True)
class Command:
    """`argv` runs with exactly `env` in `directory` (inside, absolute). `network` None: as the job asks."""

    argv: tuple[str, ...]
    directory: str
    env: dict[str, str] = field(default_factory=dict)
    network: bool | None = None


@dataclass(frozen=True)
class LimitHits:
    """How often limits stopped the command: processes killed for memory, forks refused."""

    out_of_memory: int = 0
    processes_refused: int = 0


class SandboxProcess(Protocol):
    """A running command. The file descriptors are non-blocking and belong to the reader."""

    @property
    def stdout(self) -> int: ...

    @property
    def stderr(self) -> int: ...

    async def wait(self) -> int:
        """The exit code, once nothing of the command is alive. 128 + n, or -n, where signal n ended it."""
        ...

    def terminate(self) -> None:
        """SIGTERM to every process of the command."""
        ...

    def kill(self) -> None:
        """SIGKILL to every process of the command."""
        ...

    def limit_hits(self) -> LimitHits: ...


class Sandbox(Protocol):
    @property
    def paths(self) -> JobPaths: ...

    async def run(self, command: Command) -> SandboxProcess:
        """Raises SandboxError."""
        ...

    async def close(self) -> None:
        """End what still runs and give everything back but the directory."""
        ...


class Executor(Protocol):
    @property
    def isolation(self) -> Isolation: ...

    @property
    def runs_images(self) -> bool:
        """Whether a job may name a container image."""
        ...

    async def prepare(self, job: JobRequest) -> Sandbox:
        """Raises SandboxError."""
        ...

    def close(self) -> None:
        """Give back what the executor itself holds."""
        ...
