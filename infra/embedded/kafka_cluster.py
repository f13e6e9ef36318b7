"""Several real brokers on 127.0.0.1 that are one cluster, each in a rack: a region that can be lost.

Every node is broker and controller. Two of three must run for anything to go on.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra.embedded.cache import writable_dir
from infra.embedded.kafka import find_runtime
from infra.embedded.kafka_config import BrokerSettings
from infra.embedded.kafka_node import Node, broker_spec, lay_out, new_cluster_id
from infra.embedded.ports import HOST, choose_ports
from infra.embedded.process import ProcessSpec, Progress, silent

_SETTINGS = BrokerSettings()


@dataclass(frozen=True)
class PreparedCluster:
    """Everything is in place to run `specs` (one a rack, in their order); start them side by side."""

    bootstrap_servers: str
    specs: tuple[ProcessSpec, ...]


def prepare_cluster(
    data_dir: Path, racks: Sequence[str], progress: Progress = silent, settings: BrokerSettings = _SETTINGS
) -> PreparedCluster:
    """One broker for each of `racks`, on free ports. Raises what kafka.prepare raises."""
    folder = writable_dir(data_dir, "data-dir-not-writable", "Kafka keeps its data there; choose another directory.")
    nodes = _nodes(folder, racks, settings)
    runtime = find_runtime(progress)
    if not nodes[0].log_dir.exists():
        progress(f"Kafka: formatting the storage of {len(nodes)} brokers (once)")
    with ThreadPoolExecutor(len(nodes)) as together:
        list(together.map(lambda node: lay_out(runtime, node), nodes))
    specs = tuple(broker_spec(runtime, node, f"kafka-{node.settings.rack}") for node in nodes)
    return PreparedCluster(",".join(f"{HOST}:{node.port}" for node in nodes), specs)


def _nodes(folder: Path, racks: Sequence[str], settings: BrokerSettings) -> list[Node]:
    ports = choose_ports(2 * len(racks), "Kafka")
    brokers, controllers = ports[: len(racks)], ports[len(racks) :]
    copies = min(3, len(racks))
    shared = replace(
        settings,
        voters=tuple(f"{number}@{HOST}:{port}" for number, port in enumerate(controllers, 1)),
        replication_factor=copies,
        min_insync_replicas=max(1, copies - 1),
    )
    cluster_id = _cluster_id(folder / "cluster-id")
    return [
        Node(folder / f"broker-{number}", port, controller, replace(shared, node_id=number, rack=rack), cluster_id)
        for number, (rack, port, controller) in enumerate(zip(racks, brokers, controllers, strict=True), 1)
    ]


def _cluster_id(path: Path) -> str:
    """The same at every start, also when the first one was interrupted between two nodes."""
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.write_text(new_cluster_id())
        draft.rename(path)
    return path.read_text()
