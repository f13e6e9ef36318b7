"""A real Kafka broker on 127.0.0.1: fetched, formatted and started from nothing but a network or a filled cache.

KAFKA_BOOTSTRAP_SERVERS names an existing cluster instead; whoever needs a broker asks `existing()` first.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.cache import writable_dir
from infra.embedded.jars import fetch_jars
from infra.embedded.java import find_java
from infra.embedded.kafka_archive import with_archive
from infra.embedded.kafka_config import BrokerSettings
from infra.embedded.kafka_node import Node, Runtime, broker_spec, lay_out
from infra.embedded.ports import HOST, choose_port
from infra.embedded.process import ProcessSpec, Progress, Server, silent, start_process

_ONE_NODE = BrokerSettings()


@dataclass(frozen=True)
class PreparedKafka:
    """Everything is in place to run `spec`; clients then connect to `bootstrap_servers`."""

    bootstrap_servers: str
    spec: ProcessSpec


class KafkaServer(Server):
    """A running broker that this process started."""

    def __init__(self, prepared: PreparedKafka, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(prepared.spec, process)
        self.bootstrap_servers = prepared.bootstrap_servers


def existing() -> str | None:
    """The cluster that the environment names, if any."""
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or None


def find_runtime(progress: Progress = silent) -> Runtime:
    """Java, the jars and the class archive, each fetched or made when missing."""
    java = find_java(progress)
    return with_archive(Runtime(java, tuple(fetch_jars(progress))), progress)


def prepare(
    data_dir: Path, port: int = 0, progress: Progress = silent, settings: BrokerSettings = _ONE_NODE
) -> PreparedKafka:
    """Does all that comes before the broker's process. A `port` of 0 chooses a free one.

    Raises ServerError: data-dir-not-writable, port-taken, java-missing, download-failed, checksum-mismatch,
    format-failed, already-running.
    """
    folder = writable_dir(data_dir, "data-dir-not-writable", "Kafka keeps its data there; choose another directory.")
    node = Node(folder, choose_port(port, "Kafka"), choose_port(0, "Kafka's controller"), settings)
    runtime = find_runtime(progress)
    if not node.log_dir.exists():
        progress("Kafka: formatting its storage (once)")
    lay_out(runtime, node)
    return PreparedKafka(f"{HOST}:{node.port}", broker_spec(runtime, node))


def start(
    data_dir: Path, port: int = 0, progress: Progress = silent, settings: BrokerSettings = _ONE_NODE
) -> KafkaServer:
    """A broker that takes requests. Raises what `prepare` raises, and ServerError(start-failed) with its log's end."""
    prepared = prepare(data_dir, port, progress, settings)
    progress("Kafka: starting")
    return KafkaServer(prepared, start_process(prepared.spec))
