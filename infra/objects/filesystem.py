"""ObjectStore in a directory: a file per object, written aside and renamed, so that nobody sees half of one."""

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

_KEY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*")


class ObjectStoreUnavailable(OSError):
    """The directory can't be written or read; the text names it and the system's reason."""

    code = "object-store-unavailable"


class FilesystemObjects:
    """See core.ports.ObjectStore."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, path)
                _sync_directory(path.parent)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft)
                raise
        except OSError as error:
            raise ObjectStoreUnavailable(error.errno, f"{path} can't be written: {error.strerror}") from error

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise KeyError(key) from None

    def holds(self, key: str) -> bool:
        return self._path(key).is_file()

    def keys(self, prefix: str) -> list[str]:
        found = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(key for key in found if key.startswith(prefix) and not key.rpartition("/")[2].startswith("."))

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        """Raises ValueError for a key that could leave the directory."""
        if not _KEY.fullmatch(key) or ".." in key:
            raise ValueError(f"'{key[:200]}' is no object key (letters, digits, '.', '_', '-', and '/' between parts)")
        return self._root / key


def _sync_directory(path: Path) -> None:
    """The new name must survive a power cut as the bytes do."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
