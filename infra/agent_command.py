"""`sealane agent`: a build agent that dials out to its region's gateway. Also how the local agents are started."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.errors import CliError, Exit
from infra.metrics.option import MetricsPort, metrics_port_errors


def agent(
    region: Annotated[str, typer.Option(help="The region it serves.")],
    pool: Annotated[str, typer.Option(help="The pool of that region.")] = "default",
    url: Annotated[str, typer.Option(help="The gateway; default: SEALANE_URL or the local installation.")] = "",
    token: Annotated[str, typer.Option(help="A token scoped to the pool; better by SEALANE_AGENT_TOKEN.")] = "",
    name: Annotated[str, typer.Option(help="Its id; default: made once and kept in the data directory.")] = "",
    slots: Annotated[int, typer.Option(help="How many jobs at a time.", min=1, max=256)] = 1,
    label: Annotated[list[str] | None, typer.Option(help="A label jobs may ask for; may be repeated.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Spool, workspaces, mirrors.")] = None,
    unsafe_no_sandbox: Annotated[bool, typer.Option("--unsafe-no-sandbox", help="Run jobs without a sandbox.")] = False,
    metrics_port: MetricsPort = None,
) -> None:
    """Run a build agent (foreground). SIGTERM drains it: running jobs end, no new ones start."""
    from agents.config import AgentConfig, ConfigError, check_config
    from gateway.cli.client import connect
    from infra.agent_role import run_observed_agent

    token = token or os.environ.get("SEALANE_AGENT_TOKEN", "")
    config = AgentConfig(
        gateway_url=url or os.environ.get("SEALANE_URL", "") or connect().url,
        token=token,
        region=region,
        pool=pool,
        name=name,
        slots=slots,
        labels=tuple(label or ()),
        data_dir=data_dir or Path(f".sealane-agent-{region}-{pool}"),
        unsafe_no_sandbox=unsafe_no_sandbox,
    )
    try:
        check_config(config)
    except ConfigError as error:
        raise CliError(str(error), Exit.INVALID_INPUT, error.code) from error
    with metrics_port_errors():
        raise typer.Exit(run_observed_agent(config, config.data_dir, "127.0.0.1", metrics_port))
