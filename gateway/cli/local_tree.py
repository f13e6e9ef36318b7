"""The working tree as a repository of its own: what git tracks or would track, as it is now."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.errors import CliError, Exit


@dataclass(frozen=True)
class Project:
    """The repository around this directory. `head` is empty before the first commit."""

    root: Path
    branch: str
    head: str
    actor: str

    @property
    def app(self) -> str:
        return self.root.name


@dataclass(frozen=True)
class Tree:
    """A copy of a project in `copy`, whose `commit` holds everything."""

    copy: Path
    commit: str
    app: str
    branch: str
    actor: str


def find_project() -> Project:
    """Raises CliError outside of a git work tree."""
    found = _run(("rev-parse", "--show-toplevel"), Path.cwd())
    if found.returncode:
        words = os.fsdecode(found.stderr).strip().splitlines()[:1]
        reason = "" if "not a git repository" in "".join(words) else f" ({''.join(words)})"
        hint = "go to your repository, or make one with 'git init'"
        raise CliError(f"{Path.cwd()} is not a git work tree{reason}: {hint}", Exit.USAGE, "not-a-repository")
    root = Path(os.fsdecode(found.stdout).removesuffix("\n"))
    return Project(
        root=root,
        branch=_said("symbolic-ref", "--quiet", "--short", "HEAD", root=root) or "main",
        head=_said("rev-parse", "--verify", "--quiet", "HEAD", root=root),
        actor=_said("config", "user.name", root=root) or os.environ.get("USER", "local"),
    )


def snapshot(project: Project, copy: Path) -> Tree:
    """Everything but what is ignored, uncommitted changes included. Links stay links. Raises CliError."""
    listed = _run(("ls-files", "-z", "--cached", "--others", "--exclude-standard"), project.root)
    if listed.returncode:
        raise CliError(f"git can't list the files: {os.fsdecode(listed.stderr).strip()}", Exit.REFUSED, "git-failed")
    copy.mkdir()
    for name in sorted(set(filter(None, os.fsdecode(listed.stdout).split("\0")))):
        source, target = project.root / name, copy / name
        # A deleted file is listed still; a submodule is a directory, and git-checkout would not fetch it either.
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    identity = ("-c", "user.name=local", "-c", "user.email=local@localhost")
    message = f"working tree at {datetime.now(UTC):%H:%M:%S}"
    for arguments in (
        ("init", "--quiet", f"--initial-branch={project.branch}"),
        ("add", "--all", "--force"),
        (*identity, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", message),
    ):
        done = _run(arguments, copy, own_settings=True)
        if done.returncode:
            raise CliError(f"git {arguments[0]}: {os.fsdecode(done.stderr).strip()}", Exit.REFUSED, "git-failed")
    commit = os.fsdecode(_run(("rev-parse", "HEAD"), copy, own_settings=True).stdout).strip()
    return Tree(copy, commit, project.app, project.branch, project.actor)


def _said(*arguments: str, root: Path) -> str:
    done = _run(arguments, root)
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""


def _run(arguments: tuple[str, ...], folder: Path, own_settings: bool = False) -> "subprocess.CompletedProcess[bytes]":
    """`own_settings`: nobody's hooks, signatures or templates. A hook that runs us must not lend us its repository."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    if own_settings:
        env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TEMPLATE_DIR": ""}
    try:
        return subprocess.run(("git", *arguments), cwd=folder, env=env, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CliError("git is not installed, or not on the PATH", Exit.NOT_FOUND, "git-missing") from error
