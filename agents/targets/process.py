"""Instances as processes of this machine: each in a session of its own, with a copy of the release's files."""

import signal
from collections.abc import Mapping
from pathlib import Path

from agents.environment import machine_environment
from agents.targets.base import ServiceTarget, TargetFailed
from agents.targets.detached import Busy, Detached
from agents.targets.folders import ReleaseFolders
from agents.targets.instances import Instance, Instances
from core.environments.release import Release
from core.environments.settings import ProcessTarget


class Processes:
    """See instances.Driver. What an instance says is in `log` beside its record in `root/instances`."""

    def __init__(self, root: Path, folders: ReleaseFolders) -> None:
        self._instances = Instances(root / "instances")
        self._folders = folders

    def prepare(self, set_name: str, release: Release, target: ServiceTarget) -> None:
        self._folders.unpack(release)

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
            self._folders.unpack(instance.release)
            home.mkdir(parents=True, exist_ok=True)
            # What its last life left behind would hold the place.
            if not detached.runs:
                detached.kill()
            detached.start(("/bin/sh", "-c", target.command), environment, self._folders.of(instance.release))
        except Busy:
            return
        except (OSError, ValueError) as error:
            raise TargetFailed("target-unavailable", f"{instance.id} can't be started: {error}") from error

    def runs(self, instance: Instance) -> bool:
        return self._detached(instance).runs

    def tidy(self, instance: Instance) -> None:
        self._detached(instance).shorten_log()

    def said(self, instance: Instance) -> str:
        return self._detached(instance).tail()

    def ask_to_stop(self, instance: Instance) -> None:
        self._detached(instance).signal(signal.SIGTERM)

    def kill(self, instance: Instance) -> None:
        self._detached(instance).kill()

    def forget(self, instance: Instance) -> None:
        """Its files go with its record."""

    def stop_rest(self) -> None:
        """There is nothing beside them."""

    def clean(self, used: Mapping[str, Release]) -> None:
        self._folders.clean(used)

    def _detached(self, instance: Instance) -> Detached:
        return Detached(self._instances.place(instance))
