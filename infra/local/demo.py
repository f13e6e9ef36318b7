"""The sample application of `make up`: a work tree of its own in the data directory, pushed to the built-in git server.

The work tree is the user's to play with: it is made once and never overwritten.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APP = "hello"
EXAMPLE = Path(__file__).parents[2] / "examples" / APP
_IDENTITY = ("-c", "user.name=Sealane", "-c", "user.email=sealane@localhost")


class DemoFailed(Exception):
    """git refused something; the text is git's."""


@dataclass(frozen=True)
class SampleApp:
    """The work tree `folder`, whose remote `sealane` is `url`."""

    folder: Path
    url: str

    def prepare(self) -> None:
        """Make the work tree with its first commit; point the remote at this installation's address."""
        if not (self.folder / ".git").exists():
            shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            self._git("init", "--quiet", "--initial-branch=main")
            self._git("add", "--all")
            self._git(*_IDENTITY, "commit", "--quiet", "--message", "Say hello")
            self._git("remote", "add", "sealane", self.url)
        self._git("remote", "set-url", "sealane", self.url)

    def head(self) -> str:
        return self._git("rev-parse", "HEAD").strip()

    def push(self, on_line: Callable[[str], None]) -> None:
        """`git push sealane main`; each line git prints goes to `on_line`. Raises DemoFailed."""
        self._push(("git", "push", "sealane", "main"), on_line)

    def push_variant(self, variant: str) -> Callable[[Callable[[str], None]], None]:
        """A push of a commit that makes the service that `variant` of itself."""
        return lambda on_line: self._push(("./try", variant), on_line)

    def _push(self, command: tuple[str, ...], on_line: Callable[[str], None]) -> None:
        with subprocess.Popen(
            command, cwd=self.folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as push:
            lines = []
            for line in push.stdout or ():
                lines.append(line.rstrip())
                on_line(line.rstrip())
        if push.returncode:
            raise DemoFailed("\n".join(lines[-5:]))

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ("git", *arguments), cwd=self.folder, env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DemoFailed(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


def _environment() -> dict[str, str]:
    """Ours, less what would make git look at another repository or ask a person."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_TERMINAL_PROMPT": "0"}
