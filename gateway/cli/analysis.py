"""`sealane analysis replay`: what other thresholds would have said of a deployment's samples."""

from typing import Annotated, Any, NamedTuple

import typer

from gateway.cli.client import Client
from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from gateway.cli.rollout_names import Environment, Where, document_of

Json = dict[str, Any]
analysis = typer.Typer(help="The samples of deployments, judged again.", no_args_is_help=True)
Limits = list[str] | None


@analysis.callback()
def group() -> None:
    """The samples of deployments, judged again."""


@analysis.command()
def replay(
    name: Where,
    environment: Environment = "",
    most: Annotated[Limits, typer.Option("--max", help="check=value: another upper limit; repeat for more.")] = None,
    least: Annotated[Limits, typer.Option("--min", help="check=value: another lower limit; repeat for more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge the samples of a deployment (or of each of a rollout's) again, with its own limits or with others.

    Fails where the same limits give another verdict than was given then.
    """
    changes: dict[str, dict[str, float]] = {}
    for field, pairs in (("max", most or []), ("min", least or [])):
        for check, value in _limits(pairs):
            changes.setdefault(check, {})[field] = value
    connection = client()
    document = document_of(connection, name, environment)
    if "placements" not in document:
        judged = [_judged(connection, document["id"], changes)]
        print_json(judged[0].document()) if as_json else judged[0].tell()
    else:
        begun = [each for each in document["placements"] if each["deployment_id"]]
        judged = [_judged(connection, each["deployment_id"], changes) for each in begun]
        regions = [each["region"] for each in begun]
        _tell_all(list(zip(regions, judged, strict=True)), as_json)
    if not changes and not all(each.same for each in judged):
        raise typer.Exit(Exit.RUN_FAILED)


class _Judged(NamedTuple):
    """The verdict that was given, and today's."""

    then: Any
    now: Any

    @property
    def same(self) -> bool:
        then, now = self
        return bool((then.outcome, then.code, then.sample) == (now.outcome, now.code, now.sample))

    def document(self) -> Json:
        import msgspec

        then, now = msgspec.to_builtins(self.then), msgspec.to_builtins(self.now)
        return {"recorded": then, "replayed": now, "same": self.same}

    def tell(self) -> None:
        console.print(f"then: {_words(self.then)}", soft_wrap=True)
        console.print(f"now:  {_words(self.now)}{' (the same)' if self.same else ''}", soft_wrap=True)


def _judged(connection: Client, deployment: str, changes: dict[str, dict[str, float]]) -> _Judged:
    """Raises CliError."""
    from core.analysis.replay import judge_again, recorded_verdict, with_changes
    from core.deployments.events import DeploymentRequested

    events = _events(connection, deployment)
    requested = next(event for event in events if isinstance(event, DeploymentRequested))
    try:
        checks = with_changes(requested.settings.analysis.checks, changes)
    except ValueError as error:
        raise CliError(str(error), Exit.INVALID_INPUT, "check-unknown") from error
    return _Judged(recorded_verdict(events), judge_again(checks, events))


def _tell_all(judged: list[tuple[str, _Judged]], as_json: bool) -> None:
    if as_json:
        return print_json({"items": [{"region": region, **each.document()} for region, each in judged]})
    for region, each in judged:
        console.print(f"{region}:")
        each.tell()
    return None


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
    """All of the deployment's events, typed, in order."""
    import msgspec

    from core.deployments.events import EVENTS

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


def _words(verdict: Any) -> str:
    at = f" at sample {verdict.sample}" if verdict.sample is not None else ""
    why = f": {verdict.code}{at}: {verdict.detail}" if verdict.code else ""
    return f"{verdict.outcome} after {verdict.samples} samples{why}"
