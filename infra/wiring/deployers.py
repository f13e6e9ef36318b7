"""The deployers of regions: their targets on this machine, and the loops that drive and keep them."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infra.clock import SystemClock
from infra.embedded.haproxy import find_haproxy
from infra.settings import Settings
from infra.wiring.parts import Loop, group_consumer, kafka, object_store, repositories_root
from infra.wiring.samplers import sampler_parts

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from agents.connectors.metrics import ConnectorMetrics
    from agents.targets.artifacts import Artifacts
    from agents.targets.base import OwnTarget
    from agents.targets.containers import Engine
    from agents.targets.place import Place
    from agents.targets.registry import Targets
    from core.ports import Producer

# Targets of one region that are brought somewhere at the same time.
THREADS = 4


def targets_of(settings: Settings, region: str, artifacts: "Artifacts | None" = None) -> "Targets[OwnTarget]":
    from agents.targets.containers import Engine
    from agents.targets.registry import Makers, Targets
    from agents.targets.static import StaticSite

    files = artifacts or release_files(settings)
    engine = Engine()
    makers = Makers(service=lambda place: _service(place, files, engine), static=lambda place: StaticSite(place, files))
    return Targets(settings.targets_path, region, makers)


def release_files(settings: Settings) -> "Artifacts":
    """One for all regions of a process, so that a repository is fetched once."""
    from agents.connectors.mirror import Mirrors
    from agents.targets.artifacts import Artifacts

    mirrors = Mirrors(settings.targets_path / ".mirrors", repositories_root(settings))
    return Artifacts(mirrors, object_store(settings).get)


def _service(place: "Place", artifacts: "Artifacts", engine: "Engine") -> "OwnTarget":
    from agents.targets.compose import ComposeInstances
    from agents.targets.containers import Containers
    from agents.targets.docker import DockerInstances
    from agents.targets.fleet import Fleet
    from agents.targets.folders import ReleaseFolders
    from agents.targets.haproxy.proxy import Haproxy
    from agents.targets.instances import Driver
    from agents.targets.process import Processes
    from agents.targets.service import ServiceFleet
    from core.environments.settings import ComposeTarget, DockerTarget, ProcessTarget

    folders = ReleaseFolders(place.root / "releases", artifacts)
    containers = Containers(place.root, engine)
    drivers: dict[type, Driver] = {
        ProcessTarget: Processes(place.root, folders),
        DockerTarget: DockerInstances(containers, engine),
        ComposeTarget: ComposeInstances(place, folders, containers, engine),
    }
    return ServiceFleet(Fleet(place, drivers, Haproxy(place.root / "proxy", haproxy_binary)))


@functools.cache
def haproxy_binary() -> Path:
    """Raises TargetFailed: the first deployment that needs one is told that there is none."""
    from agents.targets.base import TargetFailed
    from infra.embedded.errors import ServerError

    try:
        return find_haproxy()
    except ServerError as error:
        raise TargetFailed("target-unavailable", error.detail) from error


class DeployerParts(NamedTuple):
    """Each loop runs in a thread of its own. `groups` are the consumer groups with what they read."""

    loops: dict[str, Loop]
    groups: Mapping[str, tuple[str, ...]]


def deployer_parts(
    settings: Settings,
    region: str,
    producer: "Producer",
    metrics: "ConnectorMetrics",
    artifacts: "Artifacts",
) -> DeployerParts:
    from agents.connectors.base import Connector
    from agents.deployer.acting import Acting
    from agents.deployer.connector import Deployer
    from agents.deployer.hooking import Hooking
    from agents.deployer.hooks import Hooks
    from agents.deployer.keeping import Keeper
    from agents.deployer.reports import Reports
    from agents.targets.probes import run_probes

    clock = SystemClock()
    targets = targets_of(settings, region, artifacts)
    reports = Reports(settings.topology, region, clock, producer.send_all)
    hooks = Hooks(settings.targets_path / region / ".hooks", artifacts)
    handler = Deployer(region, Acting(targets, run_probes, reports), Hooking(settings.topology, region, clock, hooks))
    connector = Connector(
        handler=handler,
        consumer=lambda: group_consumer(settings, handler.name),
        producer=producer,
        metrics=metrics,
        threads=THREADS,
    )
    sampler = sampler_parts(settings, region, targets, producer, metrics)
    loops: dict[str, Loop] = {handler.name: connector.run, f"keeper-{region}": Keeper(targets, reports).run}
    return DeployerParts(loops | sampler.loops, {f"sealane-{handler.name}": handler.topics, **sampler.groups})


class DeployerRole(NamedTuple):
    loops: dict[str, Loop]
    registry: "CollectorRegistry"


def deployer_role(settings: Settings, region: str) -> DeployerRole:
    """A process of its own for one region."""
    from agents.connectors.metrics import ConnectorMetrics
    from infra.kafka.producer import KafkaProducer

    metrics = ConnectorMetrics()
    producer = KafkaProducer(kafka(settings), f"sealane-deployer-{region}")
    parts = deployer_parts(settings, region, producer, metrics, release_files(settings))
    return DeployerRole(parts.loops, metrics.registry)


def stop_targets(settings: Settings) -> int:
    """End all instances and proxies of this machine, side by side; answers how many targets there were.

    Their orders stay: the next deployer brings them back.
    """
    from concurrent.futures import ThreadPoolExecutor

    all_targets = [targets_of(settings, region) for region in settings.regions]
    opened = [targets.at(place) for targets in all_targets for place in targets.places()]
    found = [target for target in opened if target is not None]
    with ThreadPoolExecutor(max(1, len(found))) as pool:
        list(pool.map(lambda target: target.stop(), found))
    return len(found)
