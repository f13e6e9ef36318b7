"""The local installation's agent of one region: small, so it imports nothing of the command line."""

import os
import sys

from agents.config import AgentConfig
from agents.main import run_agent
from infra.settings import Settings


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
    sys.exit(run_agent(config))
