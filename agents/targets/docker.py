"""Instances as containers of a release's image, each published on a port of this machine's loopback."""

from collections.abc import Mapping
from typing import Any

from agents.targets.base import ServiceTarget, TargetFailed
from agents.targets.containers import ContainerInstances, Containers, Engine
from agents.targets.instances import Instance
from core.environments.release import Release
from core.environments.settings import DockerTarget

HOST = "127.0.0.1"
LOG_LIMITS = {"max-size": "10m", "max-file": "2"}


class DockerInstances(ContainerInstances):
    """See instances.Driver. An image is known by its id: a tag that was moved is refused."""

    def __init__(self, containers: Containers, engine: Engine) -> None:
        super().__init__(containers)
        self._engine = engine

    def prepare(self, set_name: str, release: Release, target: ServiceTarget) -> None:
        import docker.errors

        artifact = release.artifact
        if artifact.kind != "image":
            detail = f"release {release.id} is a {artifact.kind}, not an image: it can't run in a docker target"
            raise TargetFailed("bad-target", detail)
        with self._engine.client() as client:
            try:
                client.images.get(artifact.digest)
                return
            except docker.errors.ImageNotFound:
                found = self._fetch(client, artifact.location)
        if found != artifact.digest:
            detail = f"image {artifact.location} is not what was released: its id is {found}, not {artifact.digest}"
            raise TargetFailed("artifact-unavailable", detail)

    def start(self, instance: Instance) -> None:
        from docker.types import LogConfig

        target = instance.target
        assert isinstance(target, DockerTarget)
        if self._containers.runs(instance):
            return
        self._containers.remove(instance)
        with self._engine.client() as client:
            client.containers.run(
                instance.release.artifact.digest,
                list(target.command) or None,
                name=self._containers.name(instance),
                labels=self._containers.labels(instance),
                environment={**instance.environment, "PORT": str(target.container_port)},
                ports={f"{target.container_port}/tcp": (HOST, instance.port)},
                mem_limit=target.memory_bytes,
                nano_cpus=int(target.cpus * 1e9),
                pids_limit=4096,
                security_opt=["no-new-privileges"],
                log_config=LogConfig(config=LOG_LIMITS),
                # Somebody has to pass signals on and to wait for orphans.
                init=True,
                detach=True,
            )
        self._containers.forget_states()

    def stop_rest(self) -> None:
        """There is nothing beside them."""

    def clean(self, used: Mapping[str, Release]) -> None:
        """Images are the engine's to keep: others may use them."""

    def _fetch(self, client: Any, location: str) -> str:
        import docker.errors

        try:
            image = client.images.get(location)
        except docker.errors.ImageNotFound:
            try:
                image = client.images.pull(location)
            except docker.errors.APIError as error:
                detail = f"image {location} is not on this machine and can't be pulled: {error.explanation}"
                raise TargetFailed("artifact-unavailable", detail) from error
        return str((image[0] if isinstance(image, list) else image).id)
