"""Containers get the embedded broker's settings, and the image's own start program takes them.

That program (KafkaDockerWrapper) is in Kafka's jars, so this needs no Docker engine.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.embedded import kafka
from infra.embedded.kafka_config import BrokerSettings, server_properties
from infra.embedded.ports import choose_port
from tests.support import containers
from tests.support.sources import ROOT

# What has to differ in a container: where it listens, where its disk is, how it finds its quorum.
OF_THE_PLACE = {
    *("listeners", "advertised.listeners", "log.dirs"),
    *("controller.quorum.bootstrap.servers", "controller.quorum.voters"),
}


def compose_service(name: str) -> dict[str, Any]:
    """A service of compose.yaml, with the default of each ${NAME:-default}."""
    text = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", (ROOT / "compose.yaml").read_text())
    service: dict[str, Any] = yaml.safe_load(text)["services"][name]
    return service


def set_up(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The broker's properties as the image makes them from its environment; its storage is formatted too."""
    given, mounted, final = (folder / name for name in ("given", "mounted", "final"))
    for each in (given, mounted, final):
        each.mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (given / name).touch()
    own = {"CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw", "KAFKA_LOG_DIRS": str(folder / "data")}
    folders = ("--default-configs-dir", given, "--mounted-configs-dir", mounted, "--final-configs-dir", final)
    command = kafka.find_runtime().command("kafka.docker.KafkaDockerWrapper", "setup", *map(str, folders))
    done = subprocess.run(
        command, env={**os.environ, **environment, **own}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = (final / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def of_any_place(properties: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in properties.items() if key not in OF_THE_PLACE}


@pytest.fixture
def embedded() -> dict[str, str]:
    rendered = server_properties(BrokerSettings(), Path("unused"), 9092, 9093)
    return dict(line.split("=", 1) for line in rendered.splitlines())


def test_compose_broker_has_the_embedded_brokers_settings(tmp_path: Path, embedded: dict[str, str]) -> None:
    service = compose_service("kafka")
    settings = {name: value for name, value in service["environment"].items() if name != "KAFKA_HEAP_OPTS"}

    properties = set_up(tmp_path, settings)

    assert of_any_place(properties) == of_any_place(embedded)
    assert (tmp_path / "data" / "meta.properties").is_file()


def test_test_container_has_the_embedded_brokers_settings(tmp_path: Path, embedded: dict[str, str]) -> None:
    environment = containers.kafka_environment(BrokerSettings(), choose_port(0, "Kafka"))

    properties = set_up(tmp_path, environment)

    assert of_any_place(properties) == of_any_place(embedded)


def test_compose_and_test_containers_use_the_same_images() -> None:
    images = {compose_service(name)["image"] for name in ("kafka", "postgres")}

    assert images == {containers.KAFKA_IMAGE, containers.POSTGRES_IMAGE}


def test_compose_opens_ports_on_the_loopback_only() -> None:
    ports = [port for name in ("kafka", "postgres") for port in compose_service(name)["ports"]]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
