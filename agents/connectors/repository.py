"""What a pipeline's definition asks of a bare repository: a commit, one file of it, and what changed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agents.connectors.git import GitError, git_command, git_environment, run_git
from agents.connectors.objects import Entry, GitObject, ObjectReader, TooLarge, entries
from core.pipeline.parse import MAX_BYTES, too_large
from core.pipeline.report import misnamed

READ_SECONDS = 60.0
_FULL_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")

# (what is wanted, the ref it should be under) -> the name it is kept under. Raises Missing, Unavailable.
Fetch = Callable[[str, str], str]


class Unavailable(Exception):
    """The repository could not be read; `words` are git's. `for_good`: trying again would not help."""

    def __init__(self, words: str, for_good: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.for_good = for_good


class Missing(Exception):
    """The repository answers, and what was asked for isn't in it. `code`: commit-not-found | branch-not-found."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class FileProblem(Exception):
    """Why the file can't be read, as a problem of it. `misnamed`: one with nearly its name is there."""

    def __init__(self, code: str, message: str, suggestion: str = "", misnamed: bool = False) -> None:
        super().__init__(message)
        self.misnamed = misnamed
        self.code, self.message, self.suggestion = code, message, suggestion


class Commit(NamedTuple):
    """What a commit says of itself."""

    id: str
    author: str
    title: str


class Repository:
    """A bare repository at `path`; without `fetch` it is the origin itself."""

    def __init__(self, path: Path, fetch: Fetch | None) -> None:
        self._path = path
        self._fetch = fetch
        self._objects = ObjectReader(path)

    def close(self) -> None:
        self._objects.close()

    def commit(self, wanted: str, ref: str) -> Commit:
        """The commit `wanted`, or the head of `ref` where that is empty. Raises Unavailable, Missing."""
        if not wanted:
            return self._head(ref)
        if not _COMMIT.fullmatch(wanted):
            raise Missing("commit-not-found", f"'{wanted[:80]}' is not a commit id")
        found = self._commit(wanted)
        if found is None and self._fetch is not None:
            self._fetch_commit(self._fetch, wanted, ref)
            found = self._commit(wanted)
        if found is None:
            raise Missing("commit-not-found", f"commit {wanted} is not in the repository")
        return found

    def file(self, commit: str, path: str, what: str = "pipeline") -> bytes:
        """The bytes of a file, whose name must be exact. `what` it is stands in the codes of its problems.

        Raises FileProblem, Unavailable.
        """
        tree = self._read(f"{commit}^{{tree}}")
        names = path.split("/")
        for depth, name in enumerate(names):
            present = list(entries(tree.data, len(commit) // 2)) if tree else []
            entry = next((each for each in present if each.name == name), None)
            if entry is None:
                raise _no_file(commit, path, what, name, present)
            last = depth == len(names) - 1
            if entry.kind != ("file" if last else "folder"):
                text = f"{'/'.join(names[: depth + 1])} at commit {commit[:12]} is a {entry.kind}, not a file"
                raise FileProblem(f"{what}-is-{entry.kind}", text, "put the file itself there")
            try:
                tree = self._read(entry.id, MAX_BYTES if last else 64 << 20)
            except TooLarge as error:
                raise FileProblem("file-too-large", too_large(error.size)) from error
        if tree is None:
            raise Unavailable(f"the object of {path} at commit {commit} is missing")
        return tree.data

    def archive(self, commit: str, file: Path) -> None:
        """Write the files of the commit to `file`, as a tar. Raises Unavailable."""
        self._git("archive", "--format=tar", f"--output={file}", commit)

    def changed_paths(self, before: str, commit: str, ref: str, base_ref: str) -> tuple[str, ...]:
        """Files that differ from `before`; without it (a new branch, a pull request) from where `ref` left `base_ref`.

        The first push of `base_ref` itself changes every file. Raises Unavailable, Missing.
        """
        if before.strip("0"):
            base: str | None = self.commit(before, ref).id
        else:
            base = self._merge_base(commit, base_ref) if ref != base_ref else None
        if base is None:
            listed = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        else:
            listed = self._git("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, commit)
        return tuple(part.decode("utf-8", "replace") for part in listed.split(b"\0") if part)

    def _head(self, ref: str) -> Commit:
        try:
            name = self._fetch(ref, ref) if self._fetch is not None else ref
        except Missing as error:
            raise Missing("branch-not-found", f"{ref} is not in the repository") from error
        found = self._commit(name)
        if found is None:
            raise Missing("branch-not-found", f"{ref} is not in the repository")
        return found

    def _fetch_commit(self, fetch: Fetch, wanted: str, ref: str) -> None:
        """By its id; a forge that refuses that, or an id that was shortened, needs the way over its ref."""
        if _FULL_COMMIT.fullmatch(wanted):
            try:
                fetch(wanted, ref)
                return
            except Missing:
                pass
        fetch(ref, ref)

    def _merge_base(self, commit: str, base_ref: str) -> str | None:
        """Where `commit` left `base_ref`; None where they have nothing in common."""
        try:
            base = self._head(base_ref).id
        except Missing:
            return None
        try:
            return self._git("merge-base", base, commit).decode().strip() or None
        except Unavailable:
            return None

    def _commit(self, name: str) -> Commit | None:
        found = self._read(f"{name}^{{commit}}")
        return _parse_commit(found) if found is not None and found.kind == "commit" else None

    def _read(self, name: str, limit_bytes: int = 64 << 20) -> GitObject | None:
        try:
            return self._objects.read(name, limit_bytes)
        except (GitError, OSError) as error:
            raise Unavailable(str(error)) from error

    def _git(self, *arguments: str) -> bytes:
        try:
            return run_git(git_command(*arguments), self._path, git_environment(), READ_SECONDS)
        except (GitError, OSError) as error:
            raise Unavailable(str(error)) from error


def _no_file(commit: str, path: str, what: str, name: str, present: list[Entry]) -> FileProblem:
    near = misnamed(name, (each.name for each in present))
    suggestion = f"there is '{near}': rename it" if near else f"add the file, or change the app's {what} path"
    return FileProblem(f"{what}-missing", f"there is no {path} at commit {commit[:12]}", suggestion, bool(near))


def _parse_commit(found: GitObject) -> Commit:
    headers, _, message = found.data.decode("utf-8", "replace").partition("\n\n")
    author = next((line[7:] for line in headers.split("\n") if line.startswith("author ")), "")
    return Commit(found.id, author.partition(" <")[0], message.strip().split("\n")[0][:200])
