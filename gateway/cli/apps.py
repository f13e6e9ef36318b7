"""`sealane apps`: list, create, show, change, archive; its environments, and where a forge posts its webhooks."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import print_done, print_facts, print_json, print_rows

Json = dict[str, Any]
apps = typer.Typer(help="Apps: a repository each, with its runs.", no_args_is_help=False, invoke_without_command=True)
Name = Annotated[str, typer.Argument(help="The app's name.")]


@apps.callback()
def list_apps(context: typer.Context, as_json: AsJson = False) -> None:
    """List apps; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/apps", limit=200)
    if as_json:
        return print_json(page)
    rows = []
    for app in page["items"]:
        last = app["last_run"]
        rows.append(app | {"last": (last["outcome"] or last["state"]) if last else None})
    columns = [
        ("APP", "name"),
        ("LAST RUN", "last"),
        ("RUNS", "runs"),
        ("REGION", "region"),
        ("FORGE", "forge"),
        ("REPOSITORY", "repository_url"),
        ("STATE", "state"),
    ]
    print_rows(rows, columns, "no apps yet: 'sealane apps create NAME', or git push to a new one")


@apps.command()
def create(
    name: Name,
    repository: Annotated[str, typer.Option(help="Clone URL; empty: the built-in git server.")] = "",
    region: Annotated[str, typer.Option(help="Where its runs live; default: the home region.")] = "",
    forge: Annotated[str, typer.Option(help="github, gitlab, bitbucket-cloud, bitbucket-dc, gitea, builtin.")] = "",
    default_branch: Annotated[str, typer.Option(help="Branch of schedules and manual runs.")] = "",
    pipeline_path: Annotated[str, typer.Option(help="Where the pipeline file is in the repository.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create an app."""
    body = {
        "name": name,
        "repository_url": repository,
        "region": region,
        "forge": forge,
        "default_branch": default_branch,
        "pipeline_path": pipeline_path,
    }
    answer = client().post("/api/v1/apps", {key: value for key, value in body.items() if value})
    print_done(answer, as_json, f"app {name} is created; its webhook: sealane apps webhook {name}")


@apps.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one app."""
    app = client().get(f"/api/v1/apps/{name}")
    last = app["last_run"]
    run = f"{name}#{last['number']} {last['outcome'] or last['state']}" if last else None
    print_json(app) if as_json else print_facts(app | {"last_run": run})


@apps.command()
def update(
    name: Name,
    repository: Annotated[str | None, typer.Option(help="New clone URL.")] = None,
    region: Annotated[str | None, typer.Option(help="New region; earlier runs stay where they are.")] = None,
    default_branch: Annotated[str | None, typer.Option(help="New default branch.")] = None,
    pipeline_path: Annotated[str | None, typer.Option(help="New path of the pipeline file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change an app; what is not named stays."""
    body = {
        "repository_url": repository,
        "region": region,
        "default_branch": default_branch,
        "pipeline_path": pipeline_path,
    }
    changes = {key: value for key, value in body.items() if value is not None}
    answer = client().patch(f"/api/v1/apps/{name}", changes)
    print_done(answer, as_json, f"app {name} is changed" if answer["changed"] else f"app {name} was so already")


@apps.command()
def archive(name: Name, as_json: AsJson = False) -> None:
    """No further runs; the history stays."""
    print_done(client().delete(f"/api/v1/apps/{name}"), as_json, f"app {name} is archived")


@apps.command()
def webhook(name: Name, as_json: AsJson = False) -> None:
    """Where a forge posts its webhooks for this app, and the secret it signs them with."""
    setup = client().get(f"/api/v1/apps/{name}/webhook")
    print_json(setup) if as_json else print_facts(setup["urls"] | {"secret": setup["secret"]})


@apps.command()
def environments(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(help="A delivery.yml: it is used from here on, not the repository's.", exists=True)
    ] = None,
    from_repository: Annotated[
        bool, typer.Option("--from-repository", help="Listen to the repository's delivery.yml again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the environments of an app as it declares them, or set them."""
    path = f"/api/v1/apps/{name}/environments"
    if file is not None and from_repository:
        raise CliError("choose one of FILE and --from-repository", Exit.USAGE, "options-conflict")
    if file is not None:
        return print_done(client().put_bytes(path, file.read_bytes()), as_json, f"environments of {name} are set")
    if from_repository:
        words = f"the next run of {name} on its default branch sets its environments"
        return print_done(client().delete(path), as_json, words)
    page = client().get(path)
    if as_json:
        return print_json(page)
    columns = [
        ("ENVIRONMENT", "name"),
        ("WAVES", "waves"),
        ("STRATEGY", "strategy"),
        ("RISK", "risk"),
        ("APPROVALS", "approvals"),
        ("SET BY", "origin"),
        ("SET", "set_at"),
    ]
    return print_rows(map(_environment_row, page["items"]), columns, "it declares no environments (delivery.yml)")


def _environment_row(item: Json) -> Json:
    approval = (item["settings"] or {}).get("approval") or {}
    return item | {
        "waves": " -> ".join("+".join(wave) for wave in item["waves"]),
        "approvals": approval.get("count", 1) if approval else None,
        "origin": item["set_by"] or f"{item['source']} {item['commit'][:10]}".strip(),
    }
