"""The sampler of a region, and what tells a Prometheus where its instances are; they run beside the deployer."""

import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infra.clock import SystemClock
from infra.settings import Settings
from infra.wiring.parts import Loop, group_consumer

if TYPE_CHECKING:
    from agents.connectors.metrics import ConnectorMetrics
    from agents.metrics.base import Instances
    from agents.targets.base import Target
    from agents.targets.registry import Targets
    from core.ports import Producer

# Samples of one region that are taken at the same time.
THREADS = 4


class SamplerParts(NamedTuple):
    """Each loop runs in a thread of its own. `groups` are the consumer groups with what they read."""

    loops: dict[str, Loop]
    groups: Mapping[str, tuple[str, ...]]


def sampler_parts(
    settings: Settings, region: str, targets: "Targets[Target]", producer: "Producer", metrics: "ConnectorMetrics"
) -> SamplerParts:
    from agents.metrics.file_sd import FileSd
    from agents.metrics.of_targets import TargetInstances
    from agents.metrics.sampler import Sampler

    instances = TargetInstances(targets)
    name = f"sampler-{region}"
    loops: dict[str, Loop] = {name: lambda stop: _sample(settings, region, instances, producer, metrics, stop)}
    if settings.prometheus_targets_dir:
        directory = Path(settings.prometheus_targets_dir).expanduser().resolve()
        loops[f"prometheus-targets-{region}"] = FileSd(directory, region, instances).run
    return SamplerParts(loops, {f"sealane-{name}": Sampler.topics})


def _sample(
    settings: Settings,
    region: str,
    instances: "Instances",
    producer: "Producer",
    metrics: "ConnectorMetrics",
    stop: threading.Event,
) -> None:
    """Until `stop` is set. Where a deployment names no source, the installation's Prometheus is it, or our scraper."""
    from agents.connectors.base import Connector
    from agents.metrics.prometheus import Prometheus
    from agents.metrics.sampler import Sampler
    from agents.metrics.sampling import Sampling, Sources
    from agents.metrics.scraper import Scraper
    from agents.targets.probes import run_probes

    with closing(Scraper(instances)) as scraper:
        usual = Prometheus(settings.prometheus_url) if settings.prometheus_url else scraper
        sampling = Sampling(instances, Sources(usual, Prometheus), run_probes)
        handler = Sampler(settings.topology, region, SystemClock(), sampling, scraper)
        Connector(
            handler=handler,
            consumer=lambda: group_consumer(settings, handler.name),
            producer=producer,
            metrics=metrics,
            threads=THREADS,
        ).run(stop)
