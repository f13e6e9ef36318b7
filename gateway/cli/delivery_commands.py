"""What follows a build: approvals, and the commands of delivery, in the order people meet them."""

import typer

from gateway.cli import environments, freezes, rollouts
from gateway.cli.analysis import analysis
from gateway.cli.approvals import approvals, approve
from gateway.cli.deployments import deployments
from gateway.cli.releases import releases


def add_delivery(cli: typer.Typer) -> None:
    cli.command()(approve)
    cli.command()(approvals)
    cli.command()(environments.envs)
    cli.command()(rollouts.deploy)
    cli.command()(rollouts.rollback)
    for command in (rollouts.promote, rollouts.pause, rollouts.resume, rollouts.abort):
        cli.command()(command)
    cli.add_typer(deployments, name="deployments")
    cli.add_typer(releases, name="releases")
    cli.command()(freezes.freeze)
    cli.command()(freezes.unfreeze)
    cli.command()(freezes.override)
    cli.add_typer(environments.quarantine, name="quarantine")
    cli.add_typer(analysis, name="analysis")
