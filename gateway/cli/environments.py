"""`sealane envs`: what is deployed where, since when, by whom, from which commit; and quarantine."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.completion import app_names, environment_names
from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.groups import OfApp
from gateway.cli.output import console, print_done, print_json, print_rows
from gateway.cli.rollouts import App, EnvironmentName, Regions

Json = dict[str, Any]
quarantine = typer.Typer(
    help="Releases that were rolled back and are kept out (of an APP); let one in again.",
    invoke_without_command=True,
    cls=OfApp,
)


def envs(
    app: Annotated[str, typer.Argument(help="Only this app.", autocompletion=app_names)] = "",
    environment: Annotated[
        str, typer.Argument(help="Only this environment of it.", autocompletion=environment_names)
    ] = "",
    history: Annotated[bool, typer.Option("--history", help="What was deployed there before, newest first.")] = False,
    limit: Annotated[int, typer.Option(help="How many of the history.", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """What is deployed where, since when, by whom, from which commit."""
    if history:
        return _history(app, environment, limit, as_json)
    page = client().get("/api/v1/environments", app=app or None)
    items = [each for each in page["items"] if environment in ("", each["name"])]
    if environment and not items:
        raise CliError(f"app '{app}' has no environment '{environment}'", Exit.NOT_FOUND, "environment-unknown")
    if as_json:
        return print_json({"items": items})
    columns = [
        ("APP", "app"),
        ("ENVIRONMENT", "environment"),
        ("REGION", "region"),
        ("RELEASE", "release"),
        ("COMMIT", "commit"),
        ("SINCE", "since_at"),
        ("BY", "by"),
        ("BEFORE", "before"),
        ("NOW", "now"),
    ]
    empty = "no environments: declare them in delivery.yml, or 'sealane apps environments NAME delivery.yml'"
    print_rows([row for item in items for row in _rows(item)], columns, empty)
    for line in _rollouts(items):
        console.print(line, style="dim", soft_wrap=True)
    return None


def _rows(item: Json) -> Iterator[Json]:
    for place in item["places"]:
        release, previous = place["release"] or {}, place["previous"] or {}
        yield {
            "app": item["app"],
            "environment": item["name"] if item["declared"] else f"{item['name']} (not declared)",
            "region": place["region"],
            "release": release.get("id"),
            "commit": release.get("commit", "")[:10],
            "since_at": place["since"],
            "by": place["by"],
            "before": previous.get("id"),
            "now": _now(item, place),
        }


def _now(item: Json, place: Json) -> str:
    """What a reader must know besides."""
    words = [f"closed: {item['closed']['reason']}"] if item["closed"] else []
    if place["lock"]:
        words.append(f"{_owner(place['lock'])} is being deployed")
    words += [f"{_owner(each)} waits: {each['reason']}" for each in place["queue"]]
    if place["frozen"]:
        until = f" until {place['frozen']['until']}" if place["frozen"]["until"] else ""
        words.append(f"frozen by {place['frozen']['by']}{until}: {place['frozen']['reason']}")
    words += [f"{each['release_id']} is quarantined" for each in place["quarantine"]]
    return "; ".join(words)


def _owner(entry: Json) -> str:
    """Of the lock, or of a place in its queue: what it brings."""
    by_stage = f" (stage {entry['stage']} of run {entry['run_id']})" if entry["stage"] else ""
    return f"{entry['release_id']}{by_stage}"


def _rollouts(items: list[Json]) -> Iterator[str]:
    for item in items:
        for rollout in item["rollouts"]:
            reason = f": {rollout['reason']}" if rollout["reason"] else ""
            name = f"{rollout['app']}@{rollout['number']}"
            state = rollout["state"].replace("_", " ")
            yield f"{name} of {rollout['release']['id']} to {item['name']} is {state}{reason}"


def _history(app: str, environment: str, limit: int, as_json: bool) -> None:
    if not app:
        raise CliError("whose history? (sealane envs APP [ENVIRONMENT] --history)", Exit.USAGE, "app-missing")
    page = client().get(f"/api/v1/apps/{quote(app)}/history", environment=environment or None, limit=limit)
    if as_json:
        return print_json(page)
    rows = [
        item
        | {
            "release": item["release"]["id"],
            "commit": item["release"]["commit"][:10],
            "title": item["release"]["title"][:40],
            "how": "rolled back" if item["rollback"] else "deployed",
            "since_at": item["since"],
            "until_at": item["until"],
        }
        for item in page["items"]
    ]
    columns = [
        ("ENVIRONMENT", "environment"),
        ("REGION", "region"),
        ("RELEASE", "release"),
        ("COMMIT", "commit"),
        ("HOW", "how"),
        ("BY", "by"),
        ("FROM", "since_at"),
        ("TO", "until_at"),
        ("TITLE", "title"),
    ]
    return print_rows(rows, columns, "nothing was deployed yet")


@quarantine.callback()
def list_quarantine(
    context: typer.Context,
    app: Annotated[str | None, typer.Option(help="Only this app.")] = None,
    as_json: AsJson = False,
) -> None:
    """List releases that are kept out; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/environments", app=app)
    rows = [
        {"app": item["app"], "environment": item["name"], "region": place["region"], **each, "since_at": each["since"]}
        for item in page["items"]
        for place in item["places"]
        for each in place["quarantine"]
    ]
    if as_json:
        return print_json({"items": rows})
    columns = [
        ("APP", "app"),
        ("ENVIRONMENT", "environment"),
        ("REGION", "region"),
        ("RELEASE", "release_id"),
        ("SINCE", "since_at"),
        ("WHY", "reason"),
    ]
    print_rows(rows, columns, "no release is in quarantine")


@quarantine.command()
def lift(
    app: App,
    environment: EnvironmentName,
    release: Annotated[str, typer.Argument(help="The release.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")] = "",
    regions: Regions = None,
    as_json: AsJson = False,
) -> None:
    """Let a release in again that was rolled back."""
    body = {"reason": reason, "regions": regions or []}
    path = f"{environment_path(app, environment)}/quarantine/{quote(release)}/lift"
    answer = client().post(path, {key: value for key, value in body.items() if value})
    print_done(answer, as_json, f"{release} may be deployed to {app}/{environment} again")


def environment_path(app: str, environment: str) -> str:
    return f"/api/v1/apps/{quote(app)}/environments/{quote(environment)}"
