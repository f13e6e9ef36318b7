"""`sealane gateway|processor|worker|deployer`: one process of the platform in the foreground."""

from typing import Annotated

import msgspec
import typer

from gateway.cli.errors import CliError, Exit
from infra import roles
from infra.agent_command import agent
from infra.export_command import export
from infra.local.installation import with_running_servers
from infra.metrics.option import MetricsPort, metrics_port_errors
from infra.projections_command import projections
from infra.replay_command import replay
from infra.settings import Settings
from infra.settings_command import settings_or_error
from infra.topics_command import topics


def setup() -> None:
    """Make topics and tables as this version needs them; safe to repeat. With each upgrade, before the processes."""
    from alembic.util import CommandError
    from sqlalchemy.exc import ArgumentError, OperationalError

    from infra.kafka.topics import TopicMismatch

    try:
        roles.setup(with_running_servers(settings_or_error()))
    except TopicMismatch as error:
        raise CliError(str(error), Exit.REFUSED, error.code) from error
    except CommandError as error:
        detail = f"the tables were made by another version of Sealane, maybe a newer one: {error}"
        raise CliError(f"{detail} [database-unknown]", Exit.REFUSED, "database-unknown") from error
    except (ArgumentError, OperationalError) as error:
        reason = str(error).splitlines()[0]
        detail = f"Postgres can't be used: {reason}. Is it running? (DATABASE_URL, sealane status)"
        raise CliError(f"{detail} [database-unavailable]", Exit.UNAVAILABLE, "database-unavailable") from error


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


def deployer(
    region: Annotated[str, typer.Option(help="Whose environments it looks after.")],
    metrics_port: MetricsPort = None,
) -> None:
    """Run the deployer of a region (foreground), on the machine where its targets are."""
    settings = _with_port(metrics_port)
    if region not in settings.regions:
        known = ", ".join(settings.regions)
        raise CliError(f"region '{region}' is none of SEALANE_REGIONS ({known})", Exit.REFUSED, "region-unknown")
    with metrics_port_errors():
        roles.deployer(settings, region)


def _with_port(metrics_port: int | None) -> Settings:
    settings = settings_or_error()
    return settings if metrics_port is None else msgspec.structs.replace(settings, metrics_port=metrics_port)


def add_log_commands(cli: typer.Typer) -> None:
    """Agent, topics, views, replay and export."""
    cli.command()(agent)
    cli.command()(replay)
    cli.command()(export)
    cli.add_typer(topics, name="topics")
    cli.add_typer(projections, name="projections", no_args_is_help=True)
