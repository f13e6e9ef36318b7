"""What a shell offers for the names of apps, environments and releases: asked of the installation, if one answers."""

from typing import Any

import typer

from gateway.cli.client import connect
from gateway.cli.errors import CliError


def app_names(incomplete: str) -> list[str]:
    return _starting_with(incomplete, [item["name"] for item in _items("/api/v1/apps")])


def environment_names(context: typer.Context, incomplete: str) -> list[str]:
    """Those of the app that is named before."""
    app = context.params.get("app") or context.params.get("name")
    return _starting_with(incomplete, [item["name"] for item in _items("/api/v1/environments", app=app)])


def release_names(incomplete: str) -> list[str]:
    """The newest of all apps: while an option waits for its value, a shell's line can't be told apart any further."""
    return _starting_with(incomplete, [item["id"] for item in _items("/api/v1/releases", limit=50)])


def _items(path: str, **params: Any) -> list[dict[str, Any]]:
    """Nothing where nobody answers: a shell that completes has no place for errors."""
    try:
        items: list[dict[str, Any]] = connect().get(path, **params)["items"]
    except CliError:
        return []
    return items


def _starting_with(front: str, names: list[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name.startswith(front)))
