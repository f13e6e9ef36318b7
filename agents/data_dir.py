"""The agent's directory: its lock (one process per directory), its id, and where everything else lies in it."""

import fcntl
import os
import secrets
import socket
from pathlib import Path

from agents.config import ConfigError
from agents.disk import explain


class DataDir:
    """Holds the lock from open() to close(). `jobs`, `spool` and `id_file` lie in `root`, which only we may read."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.jobs = self.root / "jobs"
        self.spool = self.root / "spool"
        self.id_file = self.root / "agent-id"
        self._lock: int | None = None

    def open(self) -> None:
        """Raises ConfigError where the directory can't be written or another agent works in it."""
        try:
            for directory in (self.root, self.jobs, self.spool):
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise ConfigError(f"another agent works in {self.root}; give this one its own data directory") from error
        except OSError as error:
            self.close()
            raise ConfigError(f"the data directory {self.root} can't be used: {explain(error)}") from error

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def agent_id(self, name: str) -> str:
        """`name` where one was given, else the id made at the first start and kept since. Raises ConfigError."""
        if name:
            return name
        try:
            kept = self.id_file.read_text().strip() if self.id_file.exists() else ""
            return kept or self._make_id()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the agent's id can't be kept in {self.id_file}: {error}") from error

    def _make_id(self) -> str:
        made = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        temporary = self.id_file.with_suffix(".new")
        temporary.write_text(made)
        os.replace(temporary, self.id_file)
        return made
