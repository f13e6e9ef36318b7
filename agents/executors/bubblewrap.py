"""The command line of bubblewrap for a job's layout."""

import os
import shutil

from agents.executors.layout import Layout, is_directory

# What a job of a root agent keeps when it is to run as root: no mounts, no modules, no other namespaces.
_ROOT_CAPABILITIES = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
_SWITCH_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID")


def find_bubblewrap() -> str | None:
    return shutil.which("bwrap")


def bubblewrap_argv(binary: str, layout: Layout, network: bool, uid: int | None, info_fd: int) -> tuple[str, ...]:
    """Everything up to the command. `uid`: run as this user, which takes a root agent; None: as the agent."""
    argv = [binary, "--info-fd", str(info_fd), "--die-with-parent", "--new-session", "--hostname", "sealane"]
    argv += ["--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    if not network:
        argv.append("--unshare-net")
    argv += _mounts(layout)
    argv += _privileges(uid)
    return tuple(argv)


def _mounts(layout: Layout) -> list[str]:
    argv: list[str] = []
    for target, place in layout.links:
        argv += ["--symlink", target, place]
    # Left to itself, bubblewrap makes the parents of what it mounts for their owner only.
    argv += [
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--tmpfs",
        "/dev/shm",
        "--tmpfs",
        "/run",
        "--perms",
        "0755",
        "--dir",
        "/job",
    ]
    for source, place in layout.read_only:
        argv += ["--ro-bind-try", source, place]
    for path in layout.hidden:
        argv += ["--tmpfs", path, "--remount-ro", path] if is_directory(path) else ["--ro-bind", "/dev/null", path]
    for source, place in layout.overlays:
        argv += ["--ro-bind", source, place]
    for source, place in layout.writable:
        argv += ["--bind", source, place]
    return [*argv, "--remount-ro", "/run", "--remount-ro", "/"]


def _privileges(uid: int | None) -> list[str]:
    if os.geteuid() != 0:
        return ["--"]
    kept = _ROOT_CAPABILITIES if uid is None else _SWITCH_CAPABILITIES
    argv = ["--cap-drop", "ALL"]
    for capability in kept:
        argv += ["--cap-add", capability]
    argv.append("--")
    if uid is not None:
        argv += ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--"]
    return argv
