"""Bare mirrors of repositories: fetched when a commit isn't there yet, read without a work tree.

The built-in server's repositories are read where they are. A mirror's folder is named by a hash of its URL.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from agents.connectors.git import NETWORK_PROTOCOLS, GitError, git_command, git_environment, run_git
from core.forges.urls import builtin_app

FETCH_SECONDS = 300.0
READ_SECONDS = 30.0
MAX_FILE_BYTES = 1 << 20
PROTOCOLS = (*NETWORK_PROTOCOLS, "file")


class Unavailable(Exception):
    """The repository could not be read; `words` are git's. It may be again later."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Missing(Exception):
    """The repository answers, and what was asked for isn't in it. `code`: commit-not-found | branch-not-found."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class FileTooLarge(Exception):
    """The file has more bytes than are read."""


@dataclass(frozen=True)
class Commit:
    """What a commit says of itself."""

    id: str
    author: str
    title: str


class Repository:
    """A bare repository at `path`; `url` is None where it is the origin itself."""

    def __init__(self, path: Path, url: str | None) -> None:
        self._path = path
        self._url = url

    def commit(self, wanted: str, ref: str) -> Commit:
        """The commit `wanted`, or the head of `ref` where that is empty. Raises Unavailable, Missing."""
        if wanted:
            if not self._has(wanted):
                self._fetch_commit(wanted, ref)
            return self._read_commit(wanted)
        if self._url is not None:
            self._fetch(f"+{ref}:{ref}", missing=Missing("branch-not-found", f"{ref} is not in the repository"))
        return self._read_commit(ref)

    def file(self, commit: str, path: str) -> bytes | None:
        """The file's bytes, None where there is none. Raises FileTooLarge, Unavailable."""
        name = f"{commit}:{path}".encode()
        kind, _, size = self._git("cat-file", "--batch-check", stdin=name + b"\n").decode().strip().rpartition(" ")
        if not kind.endswith(" blob"):
            return None
        if int(size) > MAX_FILE_BYTES:
            raise FileTooLarge(f"{path} has {int(size):,} bytes, at most {MAX_FILE_BYTES:,} are read")
        return self._git("cat-file", "blob", name.decode())

    def changed_paths(self, before: str, commit: str, default_branch: str) -> tuple[str, ...]:
        """Files that differ from `before`, or for a new branch from where it left the default branch."""
        base = before if before.strip("0") else self._merge_base(commit, default_branch)
        if base is None:
            listed = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        else:
            if not self._has(base):
                self._fetch_commit(base, "")
            listed = self._git("diff", "--name-only", "--no-renames", "-z", base, commit, "--")
        return tuple(part.decode("utf-8", "replace") for part in listed.split(b"\0") if part)

    def _merge_base(self, commit: str, default_branch: str) -> str | None:
        try:
            if self._url is not None:
                ref = f"refs/heads/{default_branch}"
                self._fetch(f"+{ref}:{ref}", missing=None)
            found = self._git("merge-base", f"refs/heads/{default_branch}", commit).decode().strip()
            return found if found and found != commit else None
        except (Unavailable, Missing):
            return None

    def _has(self, commit: str) -> bool:
        answer = self._git("cat-file", "--batch-check", stdin=f"{commit}^{{commit}}\n".encode())
        return answer.split()[1:2] == [b"commit"]

    def _fetch_commit(self, commit: str, ref: str) -> None:
        missing = Missing("commit-not-found", f"commit {commit} is not in the repository")
        if self._url is None:
            raise missing
        try:
            self._fetch(commit, missing=missing)
        except Missing:
            self._fetch(f"+{ref}:{ref}" if ref else "+refs/heads/*:refs/heads/*", missing=missing)
        if not self._has(commit):
            raise missing

    def _fetch(self, refspec: str, missing: Missing | None) -> None:
        """Whatever git says is Unavailable, unless the repository answers and only the ref is not there."""
        if self._url is None:
            return
        command = git_command("fetch", "--quiet", "--no-tags", "--force", "--", self._url, refspec)
        environment = git_environment(PROTOCOLS)
        try:
            run_git(command, self._path, environment, FETCH_SECONDS)
        except GitError as error:
            if missing is None:
                raise Unavailable(error.words) from error
            self._check_reachable(error)
            raise missing from error

    def _check_reachable(self, error: GitError) -> None:
        command = git_command("ls-remote", "--quiet", "--", self._url or "", "HEAD")
        try:
            run_git(command, self._path, git_environment(PROTOCOLS), READ_SECONDS)
        except GitError:
            raise Unavailable(error.words) from error

    def _read_commit(self, name: str) -> Commit:
        answer = self._git("cat-file", "--batch", stdin=f"{name}^{{commit}}\n".encode())
        head, _, body = answer.partition(b"\n")
        facts = head.decode().split()
        if facts[1:2] != ["commit"]:
            code = "branch-not-found" if name.startswith("refs/") else "commit-not-found"
            raise Missing(code, f"{name} is not in the repository")
        return _parse_commit(facts[0], body.decode("utf-8", "replace"))

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        try:
            return run_git(git_command(*arguments), self._path, git_environment(), READ_SECONDS, stdin)
        except (GitError, OSError) as error:
            raise Unavailable(str(error)) from error


class Mirrors:
    """`root` holds the mirrors, `builtin` the built-in server's repositories (`<app>.git`)."""

    def __init__(self, root: Path, builtin: Path) -> None:
        self._root = root
        self._builtin = builtin

    def repository(self, url: str) -> Repository:
        """Raises Unavailable."""
        app = builtin_app(url)
        if app is not None:
            path = self._builtin / f"{app}.git"
            if not path.is_dir():
                raise Unavailable(f"the built-in server has no repository '{app}' yet: push to it first")
            return Repository(path, None)
        path = self._root / hashlib.sha256(url.encode()).hexdigest()[:24]
        if not (path / "HEAD").exists():
            self._init(path)
        return Repository(path, url)

    def _init(self, path: Path) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            run_git(
                git_command("init", "--quiet", "--bare", "--", str(path)), self._root, git_environment(), READ_SECONDS
            )
        except (GitError, OSError) as error:
            raise Unavailable(f"no mirror can be made in {self._root}: {error}") from error


def _parse_commit(commit: str, text: str) -> Commit:
    headers, _, message = text.partition("\n\n")
    author = next((line[7:] for line in headers.split("\n") if line.startswith("author ")), "")
    name = author.partition(" <")[0]
    return Commit(commit, name, message.strip().split("\n")[0][:500])
