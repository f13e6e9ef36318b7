"""The command line of util-linux `unshare` that gives a job the same view as bubblewrap does."""

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from agents.executors.layout import Layout

_HELPER = str(Path(__file__).with_name("enter_sandbox.py"))


def find_unshare() -> str | None:
    """The binary, if `setpriv` (of the same package) is there too: it ties the sandbox's life to ours."""
    return shutil.which("unshare") if shutil.which("setpriv") else None


def unshare_argv(
    binary: str, directory: Path, layout: Layout, network: bool, uid: int | None, argv: tuple[str, ...]
) -> tuple[str, ...]:
    """The whole command line. The sandbox's root is put together on `directory`/root, seen by nobody else."""
    root = os.geteuid() == 0
    request = {
        "root": str(directory / "root"),
        "layout": asdict(layout),
        "network": network,
        "uid": uid,
        "own_ids": None if root else [os.getuid(), os.getgid()],
        "argv": argv,
    }
    spaces = ["--mount", "--pid", "--fork", "--ipc", "--uts", "--kill-child=KILL"]
    if not network:
        spaces.append("--net")
    if not root:
        spaces.append("--map-root-user")
    python = [sys.executable, "-I", "-S", _HELPER, json.dumps(request)]
    return ("setpriv", "--pdeathsig", "KILL", "--", binary, *spaces, "--", *python)
