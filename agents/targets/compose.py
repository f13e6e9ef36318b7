"""Instances as containers of one service of a compose file, with a project of its own for each set.

The other services of the file are started once per project; each instance is a container of the service beside them,
published on a port of this machine's loopback.
"""

import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.environment import machine_environment
from agents.targets.base import ServiceTarget, TargetFailed
from agents.targets.containers import ContainerInstances, Containers, Engine, unless_gone
from agents.targets.folders import ReleaseFolders
from agents.targets.instances import Instance
from agents.targets.place import Place
from core.environments.release import Release
from core.environments.settings import ComposeTarget

Json = dict[str, Any]
PROJECT_LABEL = "com.docker.compose.project"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
HOST = "127.0.0.1"
# Pulling and building included.
COMMAND_SECONDS = 900.0
_ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "HOME")


class ComposeInstances(ContainerInstances):
    """See instances.Driver."""

    def __init__(self, place: Place, folders: ReleaseFolders, containers: Containers, engine: Engine) -> None:
        super().__init__(containers)
        self._place = place
        self._folders = folders
        self._engine = engine

    def prepare(self, set_name: str, release: Release, target: ServiceTarget) -> None:
        """Images are built or pulled, and the services beside are up."""
        import yaml

        assert isinstance(target, ComposeTarget)
        self._folders.unpack(release)
        if not self._file(release, target).is_file():
            raise TargetFailed("artifact-unavailable", f"release {release.id} has no compose file '{target.file}'")
        services = yaml.safe_load(self._compose(set_name, release, target, "config"))["services"]
        if target.service not in services:
            known = ", ".join(sorted(services))
            detail = f"{target.file} of release {release.id} has no service '{target.service}' (it has {known})"
            raise TargetFailed("bad-target", detail)
        if "build" in services[target.service]:
            self._compose(set_name, release, target, "build", target.service)
        if len(services) > 1:
            self._beside(set_name, release, target)

    def start(self, instance: Instance) -> None:
        target = instance.target
        assert isinstance(target, ComposeTarget)
        if self._containers.runs(instance):
            return
        self._containers.remove(instance)
        self._folders.unpack(instance.release)
        if any(each["State"] != "running" for each in self._beside_instances(self._project(instance.set_name))):
            self._beside(instance.set_name, instance.release, target)
        environment = {**instance.environment, "PORT": str(target.container_port)}
        labels = [f"--label={name}={value}" for name, value in self._containers.labels(instance).items()]
        names = [f"-e{name}" for name in environment]
        publish = f"--publish={HOST}:{instance.port}:{target.container_port}"
        options = ("--detach", "--no-deps", f"--name={self._containers.name(instance)}", publish, *names, *labels)
        self._compose(
            instance.set_name, instance.release, target, "run", *options, target.service, environment=environment
        )
        self._containers.forget_states()

    def stop_rest(self) -> None:
        for project in self._projects():
            for container in self._beside_instances(project):
                with self._engine.client() as client, unless_gone():
                    client.api.stop(container["Id"])

    def clean(self, used: Mapping[str, Release]) -> None:
        kept = {self._project(set_name) for set_name in used}
        for project in self._projects():
            if project not in kept:
                # Where somebody is at work still, he cleans up behind himself.
                with self._place.unless_locked(f"{project}.lock") as free:
                    if free:
                        self._remove(project)
        self._folders.clean(used)

    def _projects(self) -> list[str]:
        """Those that may have left something: each had a command once."""
        return sorted(path.stem for path in self._place.root.glob(f"{self._prefix}*.lock"))

    @property
    def _prefix(self) -> str:
        return f"sealane-{self._containers.target}-"

    def _project(self, set_name: str) -> str:
        """A set's name may hold what a project's must not."""
        return f"{self._prefix}{hashlib.sha256(set_name.encode()).hexdigest()[:8]}"

    def _remove(self, project: str) -> None:
        with self._engine.client() as client:
            for container in self._of(project):
                with unless_gone():
                    client.api.remove_container(container["Id"], force=True, v=True)
            for network in client.api.networks(filters=_label(project)):
                with unless_gone():
                    client.api.remove_network(network["Id"])

    def _beside_instances(self, project: str) -> list[Json]:
        """The containers of the other services."""
        return [each for each in self._of(project) if each["Labels"].get(ONE_OFF_LABEL, "False").lower() != "true"]

    def _of(self, project: str) -> list[Json]:
        """All containers of a project, as the engine lists them."""
        with self._engine.client() as client:
            return list(client.api.containers(all=True, filters=_label(project)))

    def _beside(self, set_name: str, release: Release, target: ComposeTarget) -> None:
        self._compose(set_name, release, target, "up", "--detach", f"--scale={target.service}=0")

    def _file(self, release: Release, target: ComposeTarget) -> Path:
        return self._folders.of(release) / target.file

    def _compose(
        self,
        set_name: str,
        release: Release,
        target: ComposeTarget,
        *arguments: str,
        environment: Mapping[str, str] = {},
    ) -> str:
        """What it printed. Values of the environment don't show in the list of processes.

        One command at a time for each project: two that find the same container missing would both create it. The
        program holds the lock as well, so that it counts when it outlives its deployer.
        """
        file = self._file(release, target)
        project = self._project(set_name)
        command = (*compose_command(), "-p", project, "-f", str(file), *arguments)
        known = {name: os.environ[name] for name in _ENGINE_VARIABLES if name in os.environ}
        named = {"RELEASE": release.id, "VERSION": release.id}
        with self._place.locked(f"{project}.lock") as lock:
            try:
                done = subprocess.run(
                    command,
                    cwd=file.parent,
                    env={**machine_environment(), **known, **release.config, **target.env, **named, **environment},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=COMMAND_SECONDS,
                    pass_fds=(lock,),
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise TargetFailed("target-unavailable", f"compose could not do '{arguments[0]}': {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-1000:]
            raise TargetFailed("target-unavailable", f"compose could not do '{arguments[0]}' of {release.id}: {said}")
        return done.stdout


def _label(project: str) -> dict[str, str]:
    return {"label": f"{PROJECT_LABEL}={project}"}


@functools.cache
def compose_command() -> tuple[str, ...]:
    """The engine's plugin, or the program that was before it. Raises TargetFailed."""
    docker = shutil.which("docker")
    if docker is not None:
        try:
            done = subprocess.run((docker, "compose", "version"), capture_output=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetFailed("target-unavailable", f"'docker compose' does not answer: {error}") from error
        if done.returncode == 0:
            return docker, "compose"
    program = shutil.which("docker-compose")
    if program is None:
        raise TargetFailed("target-unavailable", "neither 'docker compose' nor 'docker-compose' is on this machine")
    return (program,)
