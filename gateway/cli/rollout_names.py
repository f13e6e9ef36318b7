"""Which rollout or deployment somebody means: an id, `<app>@<number>`, or what is under way in an environment."""

import re
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.client import Client
from gateway.cli.completion import app_names, environment_names
from gateway.cli.errors import CliError, Exit

Json = dict[str, Any]
Where = Annotated[
    str,
    typer.Argument(
        help="A rollout (<app>@<number> or its id), a deployment's id, or an app with ENVIRONMENT.",
        autocompletion=app_names,
    ),
]
Environment = Annotated[
    str,
    typer.Argument(help="With an app: the environment whose rollout is meant.", autocompletion=environment_names),
]
_ID = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{16}")


def path_of(connection: Client, name: str, environment: str = "") -> str:
    """`/rollouts/<id>` or `/deployments/<id>`. Raises CliError."""
    if environment:
        return f"/rollouts/{_under_way(connection, name, environment)['id']}"
    if "@" not in name and not _ID.fullmatch(name):
        words = f"'{name}' names no rollout: use <app>@<number>, an id, or name the environment too"
        raise CliError(words, Exit.USAGE, "rollout-name-invalid")
    return _existing(connection, name)


def document_of(connection: Client, name: str, environment: str = "") -> Json:
    """The document that `path_of` leads to."""
    document: Json = connection.get(f"/api/v1{path_of(connection, name, environment)}")
    return document


def is_rollout_name(name: str) -> bool:
    return "@" in name


def is_id(name: str) -> bool:
    """Of a run, a rollout or a deployment: they look the same."""
    return _ID.fullmatch(name) is not None


def _existing(connection: Client, name: str) -> str:
    try:
        return f"/rollouts/{connection.get(f'/api/v1/rollouts/{quote(name)}')['id']}"
    except CliError as error:
        if error.exit_code is not Exit.NOT_FOUND or "@" in name:
            raise
    return f"/deployments/{connection.get(f'/api/v1/deployments/{quote(name)}')['id']}"


def _under_way(connection: Client, app: str, environment: str) -> Json:
    """The one rollout that has begun, or the one there is."""
    page = connection.get("/api/v1/rollouts", app=app, environment=environment, unfinished=True)
    found: list[Json] = page["items"]
    begun = [each for each in found if each["state"] != "waiting_approval"] or found
    if len(begun) == 1:
        return begun[0]
    if not begun:
        raise CliError(f"nothing is under way in {app}/{environment}", Exit.NOT_FOUND, "rollout-unknown")
    names = ", ".join(f"{app}@{each['number']}" for each in begun)
    raise CliError(f"several rollouts are under way: name one of {names}", Exit.USAGE, "rollout-name-ambiguous")
