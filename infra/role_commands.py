"""`sealane gateway|processor|worker`: one process of the platform in the foreground."""

from typing import Annotated

import typer

from infra import roles
from infra.settings_command import settings_or_error


def gateway() -> None:
    """Run a gateway (foreground)."""
    roles.gateway(settings_or_error())


def processor(instance: Annotated[str, typer.Option(help="Its name; one process per name.")] = "1") -> None:
    """Run a processor (foreground). Several share the partitions."""
    roles.processor(settings_or_error(), instance)


def worker() -> None:
    """Run the projector, the log archiver and the connectors (foreground)."""
    roles.worker(settings_or_error())


def add_log_commands(cli: typer.Typer) -> None:
    """Agent, topics, views, replay and export: they import more than the others."""
    from infra.agent_command import agent
    from infra.export_command import export
    from infra.projections_command import projections
    from infra.replay_command import replay
    from infra.topics_command import topics

    cli.command()(agent)
    cli.command()(replay)
    cli.command()(export)
    cli.add_typer(topics, name="topics")
    cli.add_typer(projections, name="projections", no_args_is_help=True)
