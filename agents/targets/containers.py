"""The containers of one target, as the engine knows them: found by labels, so that any deployer finds them.

The engine's client is imported when the first target of containers is used: it takes 15 MB.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.targets.base import TargetFailed
from agents.targets.instances import Instance

if TYPE_CHECKING:
    from docker import DockerClient

# The states of all containers are asked for at once, and answer the questions of the next moment too.
FRESH_SECONDS = 0.1
LOG_LINES = 10
TARGET_LABEL = "sealane.target"
INSTANCE_LABEL = "sealane.instance"
# One that was created and never started is none: whoever should have started it died, or could not.
_RUNNING = ("running", "restarting", "paused")


class Engine:
    """One client for all targets of a process, made when it is needed. Raises TargetFailed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: DockerClient | None = None

    @contextmanager
    def client(self) -> "Iterator[DockerClient]":
        import docker
        import docker.errors
        import requests.exceptions

        try:
            with self._lock:
                if self._client is None:
                    self._client = docker.from_env(timeout=60)
            yield self._client
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise TargetFailed(
                "target-unavailable", f"the Docker engine refused or is not there: {_words(error)}"
            ) from error


class Containers:
    """Those of the target in `root`."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.target = hashlib.sha256(str(root).encode()).hexdigest()[:12]
        self._engine = engine
        self._seen: tuple[float, dict[str, str]] = (0.0, {})

    def name(self, instance: Instance) -> str:
        return f"sealane-{self.target}-{instance.id}"

    def labels(self, instance: Instance) -> dict[str, str]:
        environment = instance.environment
        return {
            TARGET_LABEL: self.target,
            INSTANCE_LABEL: instance.id,
            "sealane.app": environment["APP"],
            "sealane.environment": environment["ENVIRONMENT"],
            "sealane.region": environment["REGION"],
            "sealane.deployment-id": environment["DEPLOYMENT_ID"],
            "sealane.release": instance.release.id,
            "sealane.set": instance.set_name,
        }

    def runs(self, instance: Instance) -> bool:
        asked_at, states = self._seen
        if time.monotonic() - asked_at > FRESH_SECONDS:
            states = self._states()
        return states.get(instance.id, "") in _RUNNING

    def said(self, instance: Instance) -> str:
        def tail(container: Any) -> str:
            text: str = container.logs(tail=LOG_LINES).decode("utf-8", "replace").strip()
            return text[-1500:]

        return self._with(instance, tail) or ""

    def ask_to_stop(self, instance: Instance) -> None:
        self._with(instance, lambda container: container.kill("SIGTERM") if container.status == "running" else None)

    def remove(self, instance: Instance) -> None:
        """Kills it where it runs; returns when it is gone."""
        self._with(instance, lambda container: container.remove(force=True, v=True))

    def forget_states(self) -> None:
        """Something was changed: the next question is asked anew."""
        self._seen = (0.0, {})

    def _states(self) -> dict[str, str]:
        with self._engine.client() as client:
            found = client.api.containers(all=True, filters={"label": f"{TARGET_LABEL}={self.target}"})
        states = {each["Labels"].get(INSTANCE_LABEL, ""): each["State"] for each in found}
        self._seen = (time.monotonic(), states)
        return states

    def _with(self, instance: Instance, use: Callable[[Any], Any]) -> Any:
        """None where there is no such container, or it went away meanwhile."""
        self.forget_states()
        with self._engine.client() as client, unless_gone():
            return use(client.containers.get(self.name(instance)))
        return None


@contextmanager
def unless_gone() -> Iterator[None]:
    """What is asked of a container or network that somebody else takes away just now is done."""
    import docker.errors

    try:
        yield
    except docker.errors.APIError as error:
        # 404: it is gone; 409: it is just going, or doesn't run.
        if error.status_code not in (404, 409):
            raise


class ContainerInstances:
    """What a driver (see instances.Driver) does with an instance whose container is there."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def runs(self, instance: Instance) -> bool:
        return self._containers.runs(instance)

    def tidy(self, instance: Instance) -> None:
        """The engine keeps the log, within the limits that it was told."""

    def said(self, instance: Instance) -> str:
        return self._containers.said(instance)

    def ask_to_stop(self, instance: Instance) -> None:
        self._containers.ask_to_stop(instance)

    def kill(self, instance: Instance) -> None:
        self._containers.remove(instance)

    def forget(self, instance: Instance) -> None:
        """Removed with its container."""


def _words(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)[:500]
