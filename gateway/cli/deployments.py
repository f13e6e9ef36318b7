"""`sealane deployments`: what was tried where, and one of it, live."""

from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.client import Client
from gateway.cli.context import AsJson, client
from gateway.cli.deployment_view import verdict
from gateway.cli.errors import Exit
from gateway.cli.groups import OfApp
from gateway.cli.output import console, error_console, print_json, print_rows
from gateway.cli.rollout_names import Environment, Where, document_of

Json = dict[str, Any]
deployments = typer.Typer(
    help="Deployments and rollouts: lists (of an APP), and one of them, live.",
    invoke_without_command=True,
    cls=OfApp,
)


@deployments.callback()
def list_deployments(
    context: typer.Context,
    app: Annotated[str | None, typer.Option(help="Only this app.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    region: Annotated[str | None, typer.Option(help="Only this region.")] = None,
    under_way: Annotated[bool, typer.Option("--under-way", help="Only what has not ended.")] = False,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List deployments, newest first; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    wanted = {"app": app, "environment": environment, "region": region, "unfinished": under_way or None}
    page = client().get("/api/v1/deployments", **wanted, limit=limit, cursor=cursor)
    if as_json:
        return print_json(page)
    columns = [
        ("DEPLOYMENT", "id"),
        ("APP", "app"),
        ("ENVIRONMENT", "environment"),
        ("REGION", "region"),
        ("RELEASE", "release_id"),
        ("STATE", "verdict"),
        ("TRAFFIC", "traffic"),
        ("STRATEGY", "how"),
        ("BY", "by"),
        ("ASKED", "requested_at"),
        ("WHY", "why"),
    ]
    print_rows(map(_row, page["items"]), columns, "no deployments: 'sealane deploy APP ENVIRONMENT'")
    if page["next_cursor"]:
        console.print(f"more: --cursor {page['next_cursor']}", style="dim")


def _row(item: Json) -> Json:
    return item | {
        "release_id": item["release"]["id"],
        "verdict": verdict(item),
        "traffic": f"{item['weight']}%" if item["weight"] is not None else None,
        "how": "rollback" if item["kind"] == "rollback" else item["strategy"],
        "why": item["reason"] or item["detail"],
    }


@deployments.command()
def show(
    name: Where,
    environment: Environment = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing it until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a rollout or a deployment: weights, steps, samples, and what it waits for."""
    from gateway.cli.deployment_view import deployment_lines
    from gateway.cli.rollout_view import whole

    connection = client()
    document = document_of(connection, name, environment)
    is_rollout = "placements" in document
    if follow and document["state"] != "finished":
        document = _follow(connection, document, error_console if as_json else console)
    elif not as_json:
        wide = Console(highlight=False, soft_wrap=True) if not console.is_terminal else console
        for line in [whole(document)] if is_rollout else deployment_lines(document):
            wide.print(line)
        wide.print(f"  {document['id']}", style="dim")
    if as_json:
        print_json(document)
    if follow:
        raise typer.Exit(Exit.OK if document["outcome"] == "success" else Exit.RUN_FAILED)


def _follow(connection: Client, document: Json, where: Console) -> Json:
    from gateway.cli.rollout_live import follow_deployment, follow_rollout

    if "placements" in document:
        return follow_rollout(connection, document["id"], where)
    return follow_deployment(connection, document, where)
