"""The local installation's agent of one region: small, so it imports nothing of the command line."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agents.config import AgentConfig
from agents.main import run_agent
from agents.worker import WorkerStatus
from infra.metrics.endpoint import metrics_endpoint
from infra.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def run_local_agent(settings: Settings, region: str) -> None:
    """Ends the process when the agent has left."""
    config = AgentConfig(
        gateway_url=f"http://{settings.host}:{settings.port}",
        token=os.environ.get("SEALANE_AGENT_TOKEN", ""),
        region=region,
        name=f"{region}-1",
        slots=settings.agent_slots,
        data_dir=settings.data_path / "agents" / region,
        hidden_paths=(str(settings.data_path),),
        unsafe_no_sandbox=settings.unsafe_no_sandbox,
        drain_timeout_seconds=10.0,
    )
    sys.exit(run_observed_agent(config, settings.data_path, settings.metrics_host, settings.metrics_port))


def run_observed_agent(config: AgentConfig, data: Path, metrics_host: str, metrics_port: int | None) -> int:
    """Run the agent with its metrics served; answers with the exit code. Raises MetricsPortTaken."""
    status: list[Callable[[], WorkerStatus]] = []

    def registry() -> "CollectorRegistry":
        from infra.metrics.agent import agent_registry

        return agent_registry(lambda: status[0]() if status else WorkerStatus(config.slots))

    with metrics_endpoint(data, f"agent-{config.region}-{config.pool}", metrics_host, metrics_port, registry):
        return run_agent(config, status.append)
