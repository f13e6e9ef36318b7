"""Targets of containers for the contract of all targets: images of a static busybox, made without a registry."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import docker
import httpx

from agents.targets.base import OwnTarget, Target
from agents.targets.compose import ComposeInstances
from agents.targets.containers import TARGET_LABEL, Containers, Engine
from agents.targets.docker import DockerInstances
from agents.targets.fleet import Fleet
from agents.targets.folders import ReleaseFolders
from agents.targets.haproxy.proxy import Haproxy
from agents.targets.instances import Driver
from agents.targets.place import Place
from agents.targets.service import ServiceFleet
from core.environments.release import Artifact, Release
from core.environments.settings import ComposeTarget, DockerTarget
from infra.embedded.haproxy import find_haproxy
from tests.support.docker_engine import PATH
from tests.support.target_world import HEALTH, TargetWorld

SERVE = ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
COMPOSE = """\
services:
  web:
    image: ${IMAGE}
    depends_on: [store]
    ports: ["8080"]
  store:
    image: ${IMAGE}
    init: true
"""


class DockerWorld(TargetWorld):
    """Needs DOCKER_HOST to name an engine."""

    kind = "docker"
    settings: DockerTarget | ComposeTarget = DockerTarget(
        health=HEALTH, drain_seconds=5, stop_seconds=3, memory_bytes=64 << 20
    )

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.client = docker.from_env()
        self.engine = Engine()
        self._images: list[str] = []

    def at(self, place: Place) -> OwnTarget:
        folders = ReleaseFolders(place.root / "releases", self.artifacts)
        containers = self.containers(place)
        drivers: dict[type, Driver] = {
            DockerTarget: DockerInstances(containers, self.engine),
            ComposeTarget: ComposeInstances(place, folders, containers, self.engine),
        }
        return ServiceFleet(Fleet(place, drivers, Haproxy(place.root / "proxy", find_haproxy)))

    def containers(self, place: Place) -> Containers:
        return Containers(place.root, self.engine)

    def visit(self, target: Target) -> str:
        answer = httpx.get(target.status().address, timeout=10, trust_env=False)
        return str(answer.json()["file"]) if answer.is_success else f"status {answer.status_code}"

    def break_it(self, target: Target) -> None:
        label = f"{TARGET_LABEL}={self.containers(self.place()).target}"
        for container in self.client.containers.list(filters={"label": label}):
            container.kill()

    def image(self, name: str, ready: bool = True) -> str:
        """The id of an image whose web server says `name`."""
        files = {"www/index.html": json.dumps({"file": name, "RELEASE": name}).encode()}
        files |= {"www/healthz": b"ok"} if ready else {}
        files["www/cgi-bin/environment"] = b"#!/bin/busybox sh\necho; /bin/busybox env\n"
        busybox = shutil.which("busybox", path=PATH)
        assert busybox is not None
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(busybox, "bin/busybox", filter=lambda member: member)
            for path, data in files.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(data), 0o755
                tar.addfile(member, io.BytesIO(data))
        tag = f"sealane-test:{self.root.name.lower()}-{name}"
        self.client.api.import_image_from_data(
            packed.getvalue(), *tag.rpartition(":")[::2], changes=[f"CMD {json.dumps(SERVE)}"]
        )
        self._images.append(tag)
        return str(self.client.images.get(tag).id)

    def missing(self, artifact: Artifact) -> Artifact:
        return Artifact("image", "sha256:" + "a" * 64, "127.0.0.1:1/missing:latest")

    def release(self, name: str, **config: str) -> Release:
        return self._release(name, self.image(name), config)

    def broken_release(self, name: str) -> Release:
        return self._release(name, self.image(name, ready=False), {})

    def _release(self, name: str, image: str, config: dict[str, str]) -> Release:
        return Release(id=name, app="shop", artifact=Artifact("image", image, self._images[-1]), config=config)

    def close(self) -> None:
        super().close()
        for tag in self._images:
            self.client.images.remove(tag, force=True)
        self.client.close()


class ComposeWorld(DockerWorld):
    """The same images, named by a compose file in the repository."""

    kind = "compose"
    cuts = (2, 4, 7)
    settings = ComposeTarget(service="web", health=HEALTH, drain_seconds=5, stop_seconds=3)

    def missing(self, artifact: Artifact) -> Artifact:
        return TargetWorld.missing(self, artifact)

    def _release(self, name: str, image: str, config: dict[str, str]) -> Release:
        commit = self.tree.commit(name, **{"compose.yaml": COMPOSE, "name": name})
        artifact = Artifact("tree", f"git:{commit}", f"file://{self.tree.path}")
        return Release(id=name, app="shop", artifact=artifact, commit=commit, config={**config, "IMAGE": image})
