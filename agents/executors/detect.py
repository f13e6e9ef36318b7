"""Which isolation this machine really gives: tried out, not guessed."""

import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from agents.config import AgentConfig
from agents.executors.base import Isolation, SandboxError
from agents.executors.bubblewrap import bubblewrap_argv, find_bubblewrap
from agents.executors.child import WRAPPER_ENVIRONMENT
from agents.executors.layout import JOB_DIRECTORIES, job_layout
from agents.executors.limits import LimitMaker
from agents.executors.process import ProcessExecutor, ProcessSettings, uid_base, write_identity
from agents.executors.unshare import find_unshare, unshare_argv

_TRY_SECONDS = 20


def detect_isolation(wanted: Literal["auto", "bubblewrap", "unshare", "none"] = "auto") -> Isolation:
    """The first of bubblewrap and unshare that runs a command here, or `none` with what each of them said."""
    complaints: list[str] = []
    if wanted in ("auto", "bubblewrap"):
        complaint = _try_bubblewrap()
        if not complaint:
            return Isolation("bubblewrap", "each step runs in bubblewrap namespaces, root read-only")
        complaints.append(complaint)
    if wanted in ("auto", "unshare"):
        complaint = _try_unshare()
        if not complaint:
            return Isolation("unshare", "each step runs in namespaces made by util-linux unshare, root read-only")
        complaints.append(complaint)
    return Isolation("none", "; ".join(complaints) or "no sandbox was asked for")


def make_executor(config: AgentConfig, agent_id: str, hidden: tuple[str, ...]) -> ProcessExecutor:
    """The process executor for this machine and configuration."""
    isolation = detect_isolation(config.isolation)
    unprivileged = os.geteuid() == 0 and config.run_as == "unprivileged" and isolation.kind != "none"
    # Two installations on one machine may call their agents the same: control groups and uids must differ.
    name = f"{agent_id}-{zlib.crc32(str(config.data_dir.resolve()).encode()):08x}"
    limits = LimitMaker(config.limits, name)
    settings = ProcessSettings(
        isolation=Isolation(isolation.kind, f"{isolation.detail}; {limits.describe}"),
        hidden=(*hidden, *config.hidden_paths),
        uid_base=uid_base(name, config.slots) if unprivileged else None,
    )
    return ProcessExecutor(settings, limits)


def _try_bubblewrap() -> str:
    """Empty, or why it is no use."""
    binary = find_bubblewrap()
    if binary is None:
        return "bubblewrap is not installed"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "bubblewrap needs setpriv (util-linux) when the agent runs as root"
    return _try("bubblewrap", lambda directory: _bubblewrap_probe(binary, directory))


def _try_unshare() -> str:
    binary = find_unshare()
    if binary is None:
        return "unshare and setpriv (util-linux) are not installed"
    return _try("unshare", lambda directory: _unshare_probe(binary, directory))


def _bubblewrap_probe(binary: str, directory: Path) -> tuple[str, ...]:
    head = bubblewrap_argv(binary, job_layout(directory, ()), False, _probe_uid(), 2)
    return (*head, "/bin/sh", "-c", "exit 0")


def _unshare_probe(binary: str, directory: Path) -> tuple[str, ...]:
    layout = job_layout(directory, ())
    return unshare_argv(binary, directory, layout, False, _probe_uid(), ("/bin/sh", "-c", "exit 0"))


def _probe_uid() -> int | None:
    return uid_base("", 1) if os.geteuid() == 0 else None


def _try(name: str, probe: Callable[[Path], tuple[str, ...]]) -> str:
    with tempfile.TemporaryDirectory(prefix="sealane-probe-") as text:
        directory = Path(text)
        try:
            for part in JOB_DIRECTORIES:
                (directory / part).mkdir()
            write_identity(directory, os.geteuid())
            done = subprocess.run(
                probe(directory),
                env=WRAPPER_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TRY_SECONDS,
            )
        except (OSError, SandboxError, subprocess.TimeoutExpired) as error:
            return f"{name} does not work here: {error}"
    words = done.stderr.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else f"{name} does not work here: {words[-1] if words else done.returncode}"
