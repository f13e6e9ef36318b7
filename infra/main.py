"""The `sealane` command, complete: what speaks to an installation (gateway/cli) and what runs one (here)."""

import os
from typing import Annotated

import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.main import make_cli, run_cli
from gateway.cli.output import console, print_json
from infra.lean_imports import leave_out_command_line_of_cel
from infra.role_commands import add_log_commands, deployer, gateway, processor, setup, worker
from infra.settings_command import settings_or_error


def up(
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="The tour with the sample app: always, or never; else the first time."),
    ] = None,
    brokers: Annotated[
        int | None, typer.Option(help="3: a broker, gateway, processors and worker in each region (SEALANE_BROKERS).")
    ] = None,
) -> None:
    """Start the whole platform on this machine and stay until Ctrl-C."""
    from infra.local.up import Up

    if brokers is not None:
        os.environ["SEALANE_BROKERS"] = str(brokers)
    Up(settings_or_error(), console, demo).run()


def down() -> None:
    """Stop what 'sealane up' started in this folder's data directory."""
    from infra.embedded.errors import ServerError
    from infra.embedded.supervisor import stop_running
    from infra.wiring.deployers import stop_targets

    settings = settings_or_error()
    try:
        stopped = stop_running(settings.data_path)
    except ServerError as error:
        raise CliError(error.detail, Exit.UNAVAILABLE, error.code) from error
    stopped = stop_targets(settings) > 0 or stopped
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


def full_cli() -> typer.Typer:
    """All commands."""
    cli = make_cli()
    for command in (up, down, doctor, setup, gateway, processor, worker, deployer):
        cli.command()(command)
    add_log_commands(cli)
    return cli


def main() -> None:
    """Entry point of the console script."""
    leave_out_command_line_of_cel()
    run_cli(full_cli())
