"""The `sealane` command: the commands that speak to an installation. infra/main.py adds those that run one."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from core.ports import LogUnavailable
from gateway.cli import operations, runs
from gateway.cli.apps import apps
from gateway.cli.delivery_commands import add_delivery
from gateway.cli.errors import CliError, Exit
from gateway.cli.lint import lint
from gateway.cli.logs import logs
from gateway.cli.output import console, error_console
from gateway.cli.regions import regions
from gateway.cli.subscriptions import subscriptions
from gateway.version import VERSION


def make_cli() -> typer.Typer:
    """A fresh app with all client commands, in the order people meet them."""
    cli = typer.Typer(
        name="sealane",
        callback=_options,
        help="Sealane: a git push becomes a finished, explainable run.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in (runs.run, runs.runs, runs.show, logs, runs.cancel, runs.rerun):
        cli.command()(command)
    add_delivery(cli)
    cli.command()(lint)
    cli.command()(operations.status)
    cli.add_typer(apps, name="apps")
    cli.add_typer(operations.agents, name="agents")
    cli.add_typer(regions, name="regions")
    cli.add_typer(operations.deliveries, name="deliveries")
    cli.add_typer(operations.events, name="events")
    cli.add_typer(subscriptions, name="subscriptions")
    return cli


def _say_version(wanted: bool) -> None:
    if wanted:
        console.print(f"sealane {VERSION}")
        raise typer.Exit(Exit.OK)


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Sealane: a git push becomes a finished, explainable run."""


def run_cli(cli: Callable[[], object]) -> None:
    """Runs the command; a CliError becomes one line on stderr and its exit code."""
    try:
        cli()
    except CliError as error:
        error_console.print(Text.assemble(("error: ", "bold red"), error.line), soft_wrap=True)
        sys.exit(error.exit_code)
    except LogUnavailable as error:
        words = f"Kafka can't be used: {error}. Is it running? (sealane status, sealane up, KAFKA_BOOTSTRAP_SERVERS)"
        error_console.print(Text.assemble(("error: ", "bold red"), f"{words} [log-unavailable]"), soft_wrap=True)
        sys.exit(Exit.UNAVAILABLE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Exit.OK)
