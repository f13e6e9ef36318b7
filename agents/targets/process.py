"""Instances as processes of this machine: each in a session of its own, with a copy of the release's files."""

import hashlib
import shutil
import signal
from pathlib import Path

from agents.environment import machine_environment
from agents.targets.artifacts import Artifacts
from agents.targets.base import ServiceTarget, TargetFailed
from agents.targets.detached import Busy, Detached
from agents.targets.instances import Instance, Instances
from core.environments.release import Release
from core.environments.settings import ProcessTarget


class Processes:
    """See instances.Driver. Releases lie in `root/releases`, what an instance says in `log` beside its record."""

    def __init__(self, root: Path, artifacts: Artifacts) -> None:
        self._releases = root / "releases"
        self._instances = Instances(root / "instances")
        self._artifacts = artifacts

    def prepare(self, release: Release, target: ServiceTarget) -> None:
        self._artifacts.unpack(release, self._files(release))

    def start(self, instance: Instance) -> None:
        target = instance.target
        assert isinstance(target, ProcessTarget)
        detached = self._detached(instance)
        home = detached.place / "home"
        environment = {
            **machine_environment(),
            "HOME": str(home),
            **instance.environment,
            "PORT": str(instance.port),
        }
        try:
            home.mkdir(parents=True, exist_ok=True)
            # What its last life left behind would hold the place.
            if detached.pid is None and not detached.starting:
                detached.kill()
            detached.start(("/bin/sh", "-c", target.command), environment, self._files(instance.release))
        except Busy:
            return
        except (OSError, ValueError) as error:
            raise TargetFailed("target-unavailable", f"{instance.id} can't be started: {error}") from error

    def runs(self, instance: Instance) -> bool:
        detached = self._detached(instance)
        return detached.pid is not None or detached.starting

    def said(self, instance: Instance) -> str:
        return self._detached(instance).tail()

    def ask_to_stop(self, instance: Instance) -> None:
        self._detached(instance).signal(signal.SIGTERM)

    def kill(self, instance: Instance) -> None:
        self._detached(instance).kill()

    def forget(self, instance: Instance) -> None:
        """Its files go with its record."""

    def clean(self, used: tuple[Release, ...]) -> None:
        wanted = {self._files(release) for release in used}
        for path in self._releases.glob("*"):
            if path not in wanted:
                shutil.rmtree(path, ignore_errors=True)

    def _files(self, release: Release) -> Path:
        return self._releases / hashlib.sha256(release.artifact.digest.encode()).hexdigest()[:16]

    def _detached(self, instance: Instance) -> Detached:
        return Detached(self._instances.place(instance))
