"""Reads objects of a bare repository through one long-lived `git cat-file --batch`: microseconds instead of processes.

New objects are seen without a restart: git looks again before it says that something is missing.
"""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from agents.connectors.git import GitError, git_command, git_environment

LIMIT_BYTES = 64 << 20
_FILE, _FOLDER = "100", "40"


class GitObject(NamedTuple):
    id: str
    kind: str
    data: bytes


class TooLarge(Exception):
    """The object has `size` bytes and was not read."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size:,} bytes")
        self.size = size


class Entry(NamedTuple):
    """One name in a folder. `mode` is git's, as text."""

    mode: str
    name: str
    id: str

    @property
    def kind(self) -> str:
        """file | folder | symlink | submodule"""
        if self.mode.startswith(_FILE):
            return "file"
        if self.mode == "40000":
            return "folder"
        return "symlink" if self.mode == "120000" else "submodule"


class ObjectReader:
    """One repository's objects. The process is started when first needed, and again when it died."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, name: str, limit_bytes: int = LIMIT_BYTES) -> GitObject | None:
        """The object, or None where there is none (or several) of that name. Raises TooLarge, GitError."""
        if "\n" in name or "\0" in name:
            return None
        with self._lock:
            try:
                return self._ask(name, limit_bytes)
            except OSError as error:
                self._end()
                raise GitError(f"git cat-file ended: {error}", None) from error

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, name: str, limit_bytes: int) -> GitObject | None:
        stdin, stdout = self._pipes()
        stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
        stdin.flush()
        head = stdout.readline()
        if not head:
            self._end()
            raise GitError(f"git can't read the repository {self._path.name}", None)
        facts = head.rstrip(b"\n").rsplit(b" ", 2)
        if len(facts) != 3 or not facts[2].isdigit():
            return None
        size = int(facts[2])
        if size > limit_bytes:
            self._end()
            raise TooLarge(size)
        data = stdout.read(size)
        stdout.read(1)
        return GitObject(facts[0].decode(), facts[1].decode(), data)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                git_command("cat-file", "--batch"),
                cwd=self._path,
                env=git_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def entries(tree: bytes, id_bytes: int = 20) -> Iterator[Entry]:
    """The names in a tree object. `id_bytes` is 32 in a SHA-256 repository."""
    place = 0
    while place < len(tree):
        space = tree.index(b" ", place)
        end = tree.index(b"\0", space)
        name = tree[space + 1 : end].decode("utf-8", "surrogateescape")
        yield Entry(tree[place:space].decode(), name, tree[end + 1 : end + 1 + id_bytes].hex())
        place = end + 1 + id_bytes
