"""A real work tree for tests: commits with known content, independent of the host's git settings."""

import os
import subprocess
from pathlib import Path


class WorkTree:
    """A repository at `path` on branch main, made when it isn't there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        if not (path / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, check: bool = True) -> str:
        return self.run(*arguments, check=check).stdout.strip()

    def run(self, *arguments: str, check: bool = False) -> "subprocess.CompletedProcess[str]":
        identity = ("-c", "user.name=Mona", "-c", "user.email=mona@example.com", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ("git", *identity, *arguments),
            cwd=self.path,
            env=environment(),
            capture_output=True,
            text=True,
            check=check,
        )

    def commit(self, message: str = "Change", **files: str) -> str:
        """Commit these files; `__` in a name stands for `/`."""
        for name, text in files.items():
            self.write(name.replace("__", "/"), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def write(self, name: str, text: str) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


def environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }
