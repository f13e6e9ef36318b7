"""The disks of agents: real files in a folder in memory, behind calls that fail when the simulated disk is full.

Stands in for `os` where the spool writes. What a killed process had open is closed for it.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from tests.simulation.engine.process import Process, process_turn

FREE_BYTES = 1 << 30


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Disks:
    """`full` are the folders (of one agent each) whose disk takes nothing more."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.full: set[Path] = set()

    def folder(self, name: str) -> Path:
        path = self.root / name
        for part in ("jobs", "spool"):
            (path / part).mkdir(parents=True, exist_ok=True)
        return path

    def is_full(self, path: Path) -> bool:
        return bool(self.full) and any(folder in self.full for folder in path.parents)


class SpoolOs:
    """The part of `os` that a segment uses."""

    O_RDWR, O_CREAT, O_CLOEXEC = os.O_RDWR, os.O_CREAT, os.O_CLOEXEC
    strerror = staticmethod(os.strerror)
    fstat = staticmethod(os.fstat)
    pread = staticmethod(os.pread)
    ftruncate = staticmethod(os.ftruncate)

    def __init__(self, disks: Disks) -> None:
        self._disks = disks
        self._open: dict[int, tuple[Path, Process]] = {}

    def open(self, path: Path, flags: int, mode: int) -> int:
        process = process_turn.whose
        assert process is not None
        process.step()
        if self._disks.is_full(path) and not path.exists():
            raise OSError(28, os.strerror(28), str(path))
        fd = os.open(path, flags, mode)
        self._open[fd] = (path, process)
        return fd

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        path, process = self._open[fd]
        process.step()
        if self._disks.is_full(path):
            # The last block still takes a part of it.
            return os.pwrite(fd, data[: len(data) // 2], offset)
        return os.pwrite(fd, data, offset)

    def fdatasync(self, fd: int) -> None:
        """Memory needs no sync."""

    def close(self, fd: int) -> None:
        del self._open[fd]
        os.close(fd)

    def close_all(self) -> None:
        for fd in list(self._open):
            self.close(fd)


class WorkerShutil:
    """The part of `shutil` that a worker asks for room."""

    def __init__(self, disks: Disks) -> None:
        self._disks = disks

    def disk_usage(self, path: Path) -> Any:
        free = 0 if self._disks.is_full(path / "x") else FREE_BYTES
        return Usage(FREE_BYTES, FREE_BYTES - free, free)


class QuickShutil:
    """The part of `shutil` that removes what a job leaves. Nobody swaps directories for links here meanwhile."""

    @classmethod
    def rmtree(cls, path: str | Path, ignore_errors: bool = False, onerror: object = None) -> None:
        try:
            entries = list(os.scandir(path))
        except FileNotFoundError:
            return
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
            elif not _is_removed_empty(entry.path):
                cls.rmtree(entry.path)
        os.rmdir(path)


def _is_removed_empty(path: str) -> bool:
    """Most of what a job was given it did not use."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def temporary_root() -> Path:
    """A folder in memory where the machine has one."""
    shared = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="sealane-simulation-", dir=shared if os.access(shared, os.W_OK) else None))


def remove_root(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
