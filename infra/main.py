"""The `sealane` command, complete: what speaks to an installation (gateway/cli) and what runs one (here)."""

from typing import Annotated

import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.main import make_cli, run_cli
from gateway.cli.output import console, print_json
from infra.settings import Settings, SettingsError, load_settings


def settings_or_error() -> Settings:
    """The settings. Raises CliError where one is wrong."""
    try:
        return load_settings()
    except SettingsError as error:
        raise CliError(f"{error} [{error.code}]", Exit.INVALID_INPUT, error.code) from error


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Push the sample app even if it has runs already.")] = False,
) -> None:
    """Start the whole platform on this machine and stay until Ctrl-C."""
    from infra.local.up import Up

    Up(settings_or_error(), console, demo).run()


def down() -> None:
    """Stop what 'sealane up' started in this folder's data directory."""
    from infra.embedded.errors import ServerError
    from infra.embedded.supervisor import stop_running

    settings = settings_or_error()
    try:
        stopped = stop_running(settings.data_path)
    except ServerError as error:
        raise CliError(str(error), Exit.UNAVAILABLE, error.code) from error
    console.print("stopped" if stopped else f"nothing runs on {settings.data_path}")


def doctor(as_json: AsJson = False) -> None:
    """Look at this machine: what is there, what is missing, what to do."""
    from infra.local.doctor import examine

    findings = []
    for finding in examine(settings_or_error()):
        findings.append(finding)
        if not as_json:
            mark, style = {"ok": ("✓", "green"), "note": ("·", "yellow"), "problem": ("✗", "red")}[finding.grade]
            console.print(f"[{style}]{mark}[/{style}] [bold]{finding.name:<10}[/bold] {finding.detail}", soft_wrap=True)
    if as_json:
        print_json([{"name": each.name, "grade": each.grade, "detail": each.detail} for each in findings])
    if any(finding.grade == "problem" for finding in findings):
        raise typer.Exit(Exit.UNAVAILABLE)


def gateway() -> None:
    """Run a gateway (foreground)."""
    from infra.roles import gateway as run_gateway

    run_gateway(settings_or_error())


def processor(instance: Annotated[str, typer.Option(help="Its name; one process per name.")] = "1") -> None:
    """Run a processor (foreground). Several share the partitions."""
    from infra.roles import processor as run_processor

    run_processor(settings_or_error(), instance)


def worker() -> None:
    """Run the projector, the log archiver and the connectors (foreground)."""
    from infra.roles import worker as run_worker

    run_worker(settings_or_error())


def main() -> None:
    """Entry point of the console script."""
    cli = make_cli()
    for command in (up, down, doctor, gateway, processor, worker):
        cli.command()(command)
    _add_agent_and_log_commands(cli)
    run_cli(cli)


def _add_agent_and_log_commands(cli: typer.Typer) -> None:
    from infra.agent_command import agent
    from infra.replay_command import replay
    from infra.topics_command import topics

    cli.command()(agent)
    cli.command()(replay)
    cli.add_typer(topics, name="topics")
