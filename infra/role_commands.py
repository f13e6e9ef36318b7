"""`sealane gateway|processor|worker`: one process of the platform in the foreground."""

from typing import Annotated

import msgspec
import typer

from infra import roles
from infra.local.installation import with_running_servers
from infra.metrics.option import MetricsPort, metrics_port_errors
from infra.settings import Settings
from infra.settings_command import settings_or_error


def setup() -> None:
    """Make topics and tables as this version needs them; safe to repeat. With each upgrade, before the processes."""
    roles.setup(with_running_servers(settings_or_error()))


def gateway() -> None:
    """Run a gateway (foreground)."""
    roles.gateway(settings_or_error())


def processor(
    instance: Annotated[str, typer.Option(help="Its name; one process per name.")] = "1",
    metrics_port: MetricsPort = None,
) -> None:
    """Run a processor (foreground). Several share the partitions."""
    with metrics_port_errors():
        roles.processor(_with_port(metrics_port), instance)


def worker(metrics_port: MetricsPort = None) -> None:
    """Run the projector, the log archiver and the connectors (foreground)."""
    with metrics_port_errors():
        roles.worker(_with_port(metrics_port))


def _with_port(metrics_port: int | None) -> Settings:
    settings = settings_or_error()
    return settings if metrics_port is None else msgspec.structs.replace(settings, metrics_port=metrics_port)


def add_log_commands(cli: typer.Typer) -> None:
    """Agent, topics and replay: they import more than the others."""
    from infra.agent_command import agent
    from infra.replay_command import replay
    from infra.topics_command import topics

    cli.command()(agent)
    cli.command()(replay)
    cli.add_typer(topics, name="topics")
