"""Copies of releases' files, one for each artifact, shared by all instances of a target."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from agents.targets.artifacts import Artifacts
from core.environments.release import Release


class ReleaseFolders:
    """In `root`, named by the artifacts' digests."""

    def __init__(self, root: Path, artifacts: Artifacts) -> None:
        self._root = root
        self._artifacts = artifacts

    def of(self, release: Release) -> Path:
        return self._root / hashlib.sha256(release.artifact.digest.encode()).hexdigest()[:16]

    def unpack(self, release: Release) -> None:
        """Raises TargetFailed."""
        self._artifacts.unpack(release, self.of(release))

    def clean(self, used: Mapping[str, Release]) -> None:
        """Remove what none of these needs."""
        wanted = {self.of(release) for release in used.values()}
        for path in self._root.glob("*"):
            if path not in wanted:
                shutil.rmtree(path, ignore_errors=True)
