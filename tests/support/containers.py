"""Test servers in containers, for machines with a Docker engine that already has the images. Nothing is ever pulled."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
import psycopg
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from infra.embedded.kafka_config import BrokerSettings, server_properties
from infra.embedded.kafka_probe import broker_is_ready
from infra.embedded.ports import HOST, choose_port

KAFKA_IMAGE = "apache/kafka:4.4.0"
POSTGRES_IMAGE = "postgres:18"
_USER = _PASSWORD = _DATABASE = "sealane"
_READY_SECONDS = 90


def docker_has(image: str) -> bool:
    """Whether a Docker engine answers and has the image."""
    if not (os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists()):
        return False
    try:
        docker.from_env(timeout=5).images.get(image)
    except docker.errors.DockerException:
        return False
    return True


@contextmanager
def kafka_container(settings: BrokerSettings) -> Iterator[str]:
    """Bootstrap servers of a broker in a container."""
    # One number inside and outside, because the broker talks to itself by the address that it gives to clients.
    port = choose_port(0, "Kafka in a container")
    with _running(KAFKA_IMAGE, port, port, kafka_environment(settings, port)):
        _await(lambda: broker_is_ready(HOST, port, settings.node_id), KAFKA_IMAGE)
        yield f"{HOST}:{port}"


def kafka_environment(settings: BrokerSettings, port: int) -> dict[str, str]:
    """The embedded broker's settings as the image spells them, but listening beyond the container's loopback."""
    rendered = server_properties(settings, Path("/tmp/sealane-kafka"), port, port + 1)
    properties = dict(line.split("=", 1) for line in rendered.splitlines())
    # The image formats its storage itself, and does so only for a quorum that is listed.
    properties["controller.quorum.voters"] = f"1@{properties.pop('controller.quorum.bootstrap.servers')}"
    properties["listeners"] = properties["listeners"].replace(f"PLAINTEXT://{HOST}", "PLAINTEXT://0.0.0.0")
    return {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in properties.items()}


@contextmanager
def postgres_container() -> Iterator[str]:
    """The dsn of a Postgres in a container."""
    port = choose_port(0, "Postgres in a container")
    environment = {"POSTGRES_USER": _USER, "POSTGRES_PASSWORD": _PASSWORD, "POSTGRES_DB": _DATABASE}
    dsn = f"postgresql://{_USER}:{_PASSWORD}@{HOST}:{port}/{_DATABASE}"
    with _running(POSTGRES_IMAGE, 5432, port, environment):
        _await(lambda: _answers(dsn), POSTGRES_IMAGE)
        yield dsn


@contextmanager
def _running(image: str, inside: int, outside: int, environment: Mapping[str, str]) -> Iterator[None]:
    # The reaper is another image, which may not be there; leaving the block removes the container.
    testcontainers_config.ryuk_disabled = True
    ports: dict[str, Any] = {f"{inside}/tcp": (HOST, outside)}
    container = DockerContainer(image)
    container.ports.update(ports)
    for name, value in environment.items():
        container.with_env(name, value)
    with container:
        yield


def _await(ready: Callable[[], bool], image: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{image} was not ready after {_READY_SECONDS} s; see `docker logs`")
        time.sleep(0.1)


def _answers(dsn: str) -> bool:
    try:
        with psycopg.connect(dsn, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
