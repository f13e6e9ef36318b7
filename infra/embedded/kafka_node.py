"""One broker's directory and command line: formats its storage, writes its settings, says how it is run."""

import base64
import fcntl
import os
import shutil
import struct
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded.errors import ServerError
from infra.embedded.java import Java
from infra.embedded.kafka_config import LOG4J2, BrokerSettings, java_options, server_properties
from infra.embedded.kafka_probe import broker_is_ready
from infra.embedded.ports import HOST
from infra.embedded.process import ProcessSpec

_FORMAT_TIMEOUT_SECONDS = 120
_LEFTOVER_WAIT_SECONDS = 3.0


@dataclass(frozen=True)
class Runtime:
    """Java, Kafka's jars and the options that use the class archive, if there is one."""

    java: Java
    jars: tuple[Path, ...]
    options: tuple[str, ...] = ()

    def command(self, *arguments: str) -> tuple[str, ...]:
        class_path = os.pathsep.join(map(str, self.jars))
        return (str(self.java.path), *self.options, "-cp", class_path, *arguments)


@dataclass(frozen=True)
class Node:
    """A broker's place: everything it keeps is below `folder`. Nodes of one cluster share `cluster_id`."""

    folder: Path
    port: int
    controller_port: int
    settings: BrokerSettings
    cluster_id: str = field(default_factory=lambda: new_cluster_id())

    @property
    def log_dir(self) -> Path:
        return self.folder / "log"

    @property
    def properties(self) -> Path:
        return self.folder / "server.properties"


def lay_out(runtime: Runtime, node: Node) -> None:
    """Writes the settings and formats the storage unless that is done. Never touches what a broker has stored."""
    node.folder.mkdir(parents=True, exist_ok=True)
    (node.folder / "log4j2.properties").write_text(LOG4J2)
    if not node.log_dir.exists():
        _format(runtime, node)
    _await_leftover(node)
    node.properties.write_text(_properties(node, node.log_dir))


def _properties(node: Node, log_dir: Path) -> str:
    return server_properties(node.settings, log_dir, node.port, node.controller_port)


def _format(runtime: Runtime, node: Node) -> None:
    """Formats aside and renames, so an interrupted first start leaves no half-made storage."""
    aside, properties = node.folder / "log.new", node.folder / "format.properties"
    shutil.rmtree(aside, ignore_errors=True)
    properties.write_text(_properties(node, aside))
    quiet = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.statusLoggerLevel=OFF")
    # Several nodes find each other by their settings; one alone must be told that it is.
    alone = () if node.settings.voters else ("--standalone",)
    tool = ("kafka.tools.StorageTool", "format", *alone, "--cluster-id", node.cluster_id)
    command = runtime.command(*quiet, *tool, "--config", str(properties))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FORMAT_TIMEOUT_SECONDS)
    if done.returncode != 0:
        detail = f"Kafka's storage tool could not format {aside}:\n{(done.stdout + done.stderr).strip()[-1500:]}"
        raise ServerError("format-failed", detail)
    aside.rename(node.log_dir)
    properties.unlink()


def new_cluster_id() -> str:
    """16 random bytes as Kafka writes them: URL-safe base 64, no padding, no leading dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def broker_spec(runtime: Runtime, node: Node, name: str = "kafka") -> ProcessSpec:
    """How the broker is run. It is ready when it is listed as a live broker."""
    options = java_options(node.settings, node.folder / "kafka.log", node.folder / "log4j2.properties")
    return ProcessSpec(
        name=name,
        argv=runtime.command(*options, "kafka.Kafka", str(node.properties)),
        log_path=node.folder / "console.log",
        other_logs=(node.folder / "kafka.log",),
        env={"MALLOC_ARENA_MAX": "2"},
        ready=lambda: broker_is_ready(HOST, node.port, node.settings.node_id),
        grace_seconds=20,
    )


def _await_leftover(node: Node) -> None:
    """A broker whose supervisor was just killed may still be on its way out; a living one is an error."""
    deadline = time.monotonic() + _LEFTOVER_WAIT_SECONDS
    while (holder := _lock_holder(node.log_dir / ".lock")) is not None:
        if time.monotonic() > deadline:
            raise ServerError(
                "already-running", f"A broker (pid {holder}) already runs on {node.folder}. Stop it first."
            )
        time.sleep(0.05)


def _lock_holder(path: Path) -> int | None:
    """The pid that holds the POSIX lock a broker takes on its log directory."""
    if not path.exists():
        return None
    query = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    with path.open("r+b") as file:
        answer = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, query))
    return None if answer[0] == fcntl.F_UNLCK else int(answer[4])
