"""`sealane analysis replay`: what other thresholds would have said of a deployment's samples."""

from typing import Annotated, Any

import typer

from gateway.cli.client import Client
from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json

Json = dict[str, Any]
analysis = typer.Typer(help="The samples of deployments, judged again.", no_args_is_help=True)
Limits = list[str] | None


@analysis.callback()
def group() -> None:
    """The samples of deployments, judged again."""


@analysis.command()
def replay(
    deployment: Annotated[str, typer.Argument(help="The deployment's id.")],
    most: Annotated[Limits, typer.Option("--max", help="check=value: another upper limit; repeat for more.")] = None,
    least: Annotated[Limits, typer.Option("--min", help="check=value: another lower limit; repeat for more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a deployment's samples again, with its own limits or with others.

    Fails where the same limits give another verdict than was given then.
    """
    from core.analysis.replay import judge_again, recorded_verdict, with_changes
    from core.deployments.events import DeploymentRequested

    changes: dict[str, dict[str, float]] = {}
    for field, pairs in (("max", most or []), ("min", least or [])):
        for name, value in _limits(pairs):
            changes.setdefault(name, {})[field] = value
    events = _events(client(), deployment)
    requested = next(event for event in events if isinstance(event, DeploymentRequested))
    try:
        checks = with_changes(requested.settings.analysis.checks, changes)
    except ValueError as error:
        raise CliError(str(error), Exit.INVALID_INPUT, "check-unknown") from error
    then, now = recorded_verdict(events), judge_again(checks, events)
    same = (then.outcome, then.code, then.sample) == (now.outcome, now.code, now.sample)
    _tell(then, now, same, as_json)
    if not changes and not same:
        raise typer.Exit(Exit.RUN_FAILED)


def _limits(pairs: list[str]) -> list[tuple[str, float]]:
    found = []
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            found.append((name, float(value)))
        except ValueError as error:
            raise CliError(f"a limit is written check=number, not '{pair}'", Exit.USAGE, "limit-invalid") from error
    return found


def _events(connection: Client, deployment: str) -> list[Any]:
    """All of the deployment's events, typed, in order. Raises CliError."""
    import msgspec

    from core.deployments.events import EVENTS

    connection.get(f"/api/v1/deployments/{deployment}")
    found: list[Json] = []
    cursor: str | None = None
    while True:
        page = connection.get("/api/v1/events", stream=f"deployment/{deployment}", limit=200, cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return [
        EVENTS.decode(each["type"], each["schema_version"], msgspec.json.encode(each["data"]))
        for each in reversed(found)
    ]


def _tell(then: Any, now: Any, same: bool, as_json: bool) -> None:
    import msgspec

    if as_json:
        return print_json({"recorded": msgspec.to_builtins(then), "replayed": msgspec.to_builtins(now), "same": same})
    console.print(f"then: {_words(then)}", soft_wrap=True)
    console.print(f"now:  {_words(now)}{' (the same)' if same else ''}", soft_wrap=True)
    return None


def _words(verdict: Any) -> str:
    at = f" at sample {verdict.sample}" if verdict.sample is not None else ""
    why = f": {verdict.code}{at}: {verdict.detail}" if verdict.code else ""
    return f"{verdict.outcome} after {verdict.samples} samples{why}"
