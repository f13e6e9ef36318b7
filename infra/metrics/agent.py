"""What an agent does, for Prometheus."""

import shutil
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from agents.worker import WorkerStatus
from infra.metrics.families import counter, counters, gauge


class AgentCollector(Collector):
    def __init__(self, status: Callable[[], WorkerStatus]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        yield gauge("sealane_agent_slots", "How many jobs it takes at a time.", status.slots)
        yield gauge("sealane_agent_running_jobs", "Jobs that run.", status.running)
        yield gauge("sealane_agent_connected", "1: a gateway has welcomed it.", status.connected)
        yield gauge("sealane_agent_draining", "1: it takes no new jobs.", status.draining)
        yield gauge("sealane_agent_spool_bytes", "Reports and logs that no gateway acknowledged.", status.spool_bytes)
        disk = shutil.disk_usage(status.jobs_folder)
        yield gauge("sealane_agent_disk_free_bytes", "Free for jobs and spool.", disk.free)
        yield gauge("sealane_agent_disk_bytes", "Size of that disk.", disk.total)
        yield counter("sealane_agent_connections", "Times that a gateway welcomed it.", status.connections)
        yield counter("sealane_agent_jobs_started", "Jobs started.", status.jobs_started)
        yield counter("sealane_agent_jobs_abandoned", "Jobs killed: the lease was lost.", status.jobs_abandoned)
        refused = [((reason,), count) for reason, count in status.offers_refused.copy().items()]
        yield counters("sealane_agent_offers_refused", "Offers refused, and why.", ("reason",), refused)


def agent_registry(status: Callable[[], WorkerStatus]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(AgentCollector(status))
    return registry
