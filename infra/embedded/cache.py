"""The per-user cache of what is downloaded or made once per machine: jars, wheels, class archives.

Every entry appears whole or not at all, and two processes may ask for the same one at once.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.errors import ServerError


def cache_dir() -> Path:
    """SEALANE_CACHE_DIR, else the user's cache directory. Created when missing."""
    named = os.environ.get("SEALANE_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(named) if named else Path(base) / "sealane"
    return writable_dir(
        path, code="cache-dir-not-writable", advice="Set SEALANE_CACHE_DIR to a directory you can write."
    )


def writable_dir(path: Path, code: str, advice: str) -> Path:
    """Makes the directory and proves it can be written. Raises ServerError(code) with the advice if not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path.resolve()
    except OSError as error:
        raise ServerError(code, f"Cannot write to {path}: {error.strerror or error}. {advice}") from error


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path`; the kernel gives it back when the holder dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached_dir(name: str, fill: Callable[[Path], None]) -> Path:
    """The cache entry `name`; `fill` is called with an empty directory when there is none yet."""
    target = cache_dir() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(target.with_name(f".{target.name}.lock")):
        if not target.is_dir():
            _fill_aside(target, fill)
    return target


def _fill_aside(target: Path, fill: Callable[[Path], None]) -> None:
    for abandoned in target.parent.glob(f".{target.name}.*/"):
        shutil.rmtree(abandoned, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        aside.chmod(0o755)
        fill(aside)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
