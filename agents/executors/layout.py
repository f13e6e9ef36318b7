"""What a job sees of the machine: everything read-only, except its own places, and without what is hidden."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from agents.executors.base import JobPaths

INSIDE = JobPaths(
    workspace="/job/workspace", home="/job/home", temporary="/tmp", output="/job/output", scripts="/job/scripts"
)
JOB_DIRECTORIES = ("workspace", "home", "tmp", "output", "scripts", "etc", "root")
PRIVATE_DIRECTORIES = ("workspace", "home", "tmp", "output")
_OWN = frozenset(("proc", "dev", "tmp", "run", "job"))
_RESOLVER_DIRECTORIES = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/nscd")


@dataclass(frozen=True)
class Layout:
    """Mounts in order: `links` (target, place), `read_only` and `writable` (source, place), `hidden` places."""

    links: tuple[tuple[str, str], ...]
    read_only: tuple[tuple[str, str], ...]
    writable: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]
    overlays: tuple[tuple[str, str], ...]


def job_layout(directory: Path, hidden: tuple[str, ...]) -> Layout:
    """The layout of the job in `directory`. Hidden places that don't exist, or are hidden anyway, are left out."""
    links: list[tuple[str, str]] = []
    read_only: list[tuple[str, str]] = []
    for name in sorted(os.listdir("/")):
        path = f"/{name}"
        if name in _OWN:
            continue
        if os.path.islink(path):
            links.append((os.readlink(path), path))
        else:
            read_only.append((path, path))
    read_only += [(path, path) for path in _RESOLVER_DIRECTORIES if os.path.isdir(path)]
    return Layout(
        links=tuple(links),
        read_only=(*read_only, (str(directory / "scripts"), INSIDE.scripts)),
        writable=_writable(directory),
        hidden=_hideable(hidden),
        overlays=tuple((str(directory / "etc" / name), f"/etc/{name}") for name in ("passwd", "group")),
    )


def _writable(directory: Path) -> tuple[tuple[str, str], ...]:
    places = [
        (str(directory / "workspace"), INSIDE.workspace),
        (str(directory / "home"), INSIDE.home),
        (str(directory / "output"), INSIDE.output),
        (str(directory / "tmp"), "/tmp"),
    ]
    if os.path.isdir("/var/tmp") and not os.path.islink("/var/tmp"):
        places.append((str(directory / "tmp"), "/var/tmp"))
    return tuple(places)


def _hideable(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Existing directories and files, resolved, that lie in a part of the machine the job sees."""
    resolved = dict.fromkeys(os.path.realpath(path) for path in paths if path)
    return tuple(
        path for path in resolved if path != "/" and os.path.exists(path) and path.split("/", 2)[1] not in _OWN
    )


def is_directory(path: str) -> bool:
    return stat.S_ISDIR(os.stat(path).st_mode)
