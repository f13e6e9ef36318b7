"""What every command shares: the connection, the --json switch, and how a run is named."""

import re
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.client import Client, connect
from gateway.cli.errors import CliError, Exit

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunArgument = Annotated[str, typer.Argument(help="A run: its id, or <app>#<number>; <app> alone means its newest run.")]

_RUN_ID = re.compile(r"^[a-z0-9][a-z0-9-]*-[0-9a-f]{16}$")


def client() -> Client:
    return connect()


def find_run(connection: Client, name: str) -> dict[str, Any]:
    """The run document that `name` means. Raises CliError(NOT_FOUND)."""
    if _RUN_ID.match(name):
        document: dict[str, Any] = connection.get(f"/api/v1/runs/{name}")
        return document
    app, hash_sign, number = name.partition("#")
    if not hash_sign:
        return _newest_run(connection, app)
    if not number.isdigit():
        raise CliError(f"'{name}' names no run: use its id, <app>#<number> or <app>", Exit.USAGE, "run-name-invalid")
    document = connection.get(f"/api/v1/apps/{quote(app, safe='')}/runs/{number}")
    return document


def _newest_run(connection: Client, app: str) -> dict[str, Any]:
    newest = connection.get("/api/v1/runs", app=app, limit=1)["items"]
    if not newest:
        raise CliError(f"app '{app}' has no run yet", Exit.NOT_FOUND, "run-unknown")
    document: dict[str, Any] = connection.get(f"/api/v1/runs/{newest[0]['id']}")
    return document
