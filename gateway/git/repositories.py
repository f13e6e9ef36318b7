"""The bare repositories on disk: where they are, how they come to be, and the settings every git process gets."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agents.connectors.git import git_command, git_environment, run_git

APP_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
PENDING = "sealane-pending"
_EMPTY = ".empty.git"
_HOOK = """\
#!/bin/sh
# Hands the updated refs to the gateway that runs this push, then shows the pusher what the gateway says about it.
[ -n "$SEALANE_UPDATES" ] || exit 0
{ cat; echo .; } 2>/dev/null >"$SEALANE_UPDATES" || exit 0
exec cat "$SEALANE_PROGRESS" >&2
"""
# Objects are never thrown away: a run of a commit that was pushed over may still be waiting.
_SETTINGS: dict[str, str | tuple[str, ...]] = {
    "http.receivepack": "true",
    "http.getanyfile": "false",
    # Clients see and change branches and tags; our own bookkeeping does not exist for them.
    "transfer.hideRefs": ("refs", "!refs/heads", "!refs/tags"),
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "receive.fsckObjects": "true",
    # Old and harmless oddities that large histories are full of.
    "receive.fsck.badTimezone": "ignore",
    "receive.fsck.missingSpaceBeforeDate": "ignore",
    "receive.fsck.zeroPaddedFilemode": "ignore",
    "receive.autogc": "true",
    "gc.pruneExpire": "never",
    "gc.cruftPacks": "true",
    "core.fsync": "committed",
    "core.fsyncMethod": "batch",
}


class Repositories:
    """All repositories under `root`. `max_push_bytes` bounds one push as it comes in."""

    def __init__(self, root: Path, max_push_bytes: int = 2 << 30) -> None:
        self.root = root
        self.max_push_bytes = max_push_bytes
        self._settings = {
            **_SETTINGS,
            "core.hooksPath": str(root / ".hooks"),
            "receive.maxInputSize": str(max_push_bytes),
        }

    def prepare(self) -> None:
        """Make the folder, the hook and the empty repository that new ones start from. Raises OSError, GitError."""
        hooks = self.root / ".hooks"
        hooks.mkdir(parents=True, exist_ok=True)
        draft = hooks / f"post-receive.{os.getpid()}"
        draft.write_text(_HOOK)
        draft.chmod(0o755)
        draft.replace(hooks / "post-receive")
        if not (self.root / _EMPTY).exists():
            with tempfile.TemporaryDirectory(dir=self.root) as folder:
                made = Path(folder) / _EMPTY
                run_git(
                    git_command("init", "--quiet", "--bare", "--template=", str(made)),
                    self.root,
                    self.environment(),
                    30,
                )
                _move(made, self.root / _EMPTY)

    def path(self, app: str) -> Path:
        """Where the app's repository is or will be. Raises ValueError for what can't be an app's name."""
        if not APP_NAME.fullmatch(app) or app.endswith((".git", ".lock")) or ".." in app:
            raise ValueError(f"'{app}' can't be the name of an app")
        return self.root / f"{app}.git"

    def empty(self) -> Path:
        return self.root / _EMPTY

    def exists(self, app: str) -> bool:
        return self.path(app).is_dir()

    def create(self, app: str, default_branch: str) -> None:
        """An empty repository whose HEAD is `default_branch`. Nothing happens where there is one already."""
        path = self.path(app)
        if path.is_dir():
            return
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-") as folder:
            made = Path(folder) / "repository"
            shutil.copytree(self.empty(), made)
            (made / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")
            _move(made, path)

    def unborn_head(self, app: str) -> str | None:
        """The branch that HEAD names, if it does not exist."""
        path = self.path(app)
        text = (path / "HEAD").read_text().strip()
        ref = text.removeprefix("ref: ")
        packed = path / "packed-refs"
        if ref == text or (path / ref).exists() or (packed.exists() and f" {ref}\n" in packed.read_text()):
            return None
        return ref.removeprefix("refs/heads/")

    def set_head(self, app: str, branch: str) -> None:
        draft = self.path(app) / "HEAD.sealane"
        draft.write_text(f"ref: refs/heads/{branch}\n")
        draft.replace(self.path(app) / "HEAD")

    def mark_pending(self, app: str) -> None:
        """Refs of this repository may move: until the mark is gone, their deliveries are not certain."""
        (self.path(app) / PENDING).touch()

    def unmark_pending(self, app: str) -> None:
        (self.path(app) / PENDING).unlink(missing_ok=True)

    def pending(self) -> list[str]:
        """The apps whose repositories are marked."""
        return sorted(mark.parent.name.removesuffix(".git") for mark in self.root.glob(f"[a-z0-9]*.git/{PENDING}"))

    def command(self, *arguments: str) -> list[str]:
        """A git command with the server's settings."""
        return git_command(*arguments, settings=self._settings)

    def environment(self) -> dict[str, str]:
        return git_environment()

    async def run(self, app: str, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
        """Run git in the app's repository and answer with its output. Raises GitError."""
        command, path = self.command(*arguments), self.path(app)
        return await asyncio.to_thread(run_git, command, path, self.environment(), 60.0, stdin)


def _move(made: Path, target: Path) -> None:
    """Publish a finished folder; whoever was first wins."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise
