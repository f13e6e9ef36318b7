"""A release's files as a directory: from the repository at its commit, or from the object store by its digest."""

import hashlib
import shutil
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Protocol

from agents.connectors.repository import Missing, Repository, Unavailable
from agents.targets.base import TargetFailed
from core.environments.release import Artifact, Release

# A server that gives no single commit away is asked for this branch.
_USUAL_BRANCH = "refs/heads/main"
_MAX_FILES = 200_000
_MAX_BYTES = 8 << 30


class Repositories(Protocol):
    def repository(self, url: str) -> Repository:
        """Calls for one URL must not overlap. Raises Unavailable."""
        ...


class Artifacts:
    """`object_of(key)` gives an object's bytes, or raises KeyError."""

    def __init__(self, repositories: Repositories, object_of: Callable[[str], bytes]) -> None:
        self._repositories = repositories
        self._object_of = object_of
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    def unpack(self, release: Release, target: Path) -> None:
        """Make `target` the release's files; it appears whole or not at all. Raises TargetFailed."""
        if target.is_dir():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            (aside / "files").mkdir()
            self._fetch(release.artifact, aside / "archive")
            _extract(aside / "archive", aside / "files", release)
            (aside / "files").rename(target)
        except OSError as error:
            # Somebody else may have made the same directory just now.
            if not target.is_dir():
                detail = f"release {release.id} can't be laid out in {target}: {error.strerror or error}"
                raise TargetFailed("artifact-unavailable", detail) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _fetch(self, artifact: Artifact, archive: Path) -> None:
        if artifact.kind == "tree":
            self._fetch_tree(artifact, archive)
        elif artifact.kind == "file":
            archive.write_bytes(self._checked_object(artifact))
        else:
            raise TargetFailed(
                "bad-target", f"an artifact of kind {artifact.kind} has no files: it needs a docker target"
            )

    def _fetch_tree(self, artifact: Artifact, archive: Path) -> None:
        commit = artifact.digest.removeprefix("git:")
        try:
            with self._locks[artifact.location]:
                repository = self._repositories.repository(artifact.location)
                repository.archive(repository.commit(commit, _USUAL_BRANCH).id, archive)
        except Missing as error:
            raise TargetFailed("artifact-unavailable", f"{artifact.location}: {error.detail}") from error
        except Unavailable as error:
            detail = f"{artifact.location} can't be read: {error.words}"
            raise TargetFailed("artifact-unavailable", detail) from error

    def _checked_object(self, artifact: Artifact) -> bytes:
        try:
            data = self._object_of(artifact.location)
        except (KeyError, ValueError) as error:
            detail = f"the object store has no '{artifact.location}'"
            raise TargetFailed("artifact-unavailable", detail) from error
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != artifact.digest:
            detail = f"'{artifact.location}' is not what was released: its digest is {found}, not {artifact.digest}"
            raise TargetFailed("artifact-unavailable", detail)
        return data


def _extract(archive: Path, target: Path, release: Release) -> None:
    """Only plain files, folders and links that stay inside."""
    try:
        with tarfile.open(archive) as tar:
            files = size = 0
            for member in tar:
                files, size = files + 1, size + member.size
                if files > _MAX_FILES or size > _MAX_BYTES:
                    detail = f"release {release.id} has more than {_MAX_FILES} files or {_MAX_BYTES >> 30} GiB"
                    raise TargetFailed("artifact-unavailable", detail)
                tar.extract(member, target, filter="data")
    except tarfile.TarError as error:
        detail = f"the archive of release {release.id} can't be unpacked: {error}"
        raise TargetFailed("artifact-unavailable", detail) from error
