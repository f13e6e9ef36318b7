"""`sealane deploy`, `rollback`, and the wheel: promote, pause, resume, abort."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.client import Client
from gateway.cli.completion import app_names, environment_names, release_names
from gateway.cli.context import AsJson, client
from gateway.cli.errors import Exit
from gateway.cli.output import console, error_console, print_done, print_json
from gateway.cli.rollout_names import Environment, Where, path_of

Json = dict[str, Any]
App = Annotated[str, typer.Argument(help="The app.", autocompletion=app_names)]
EnvironmentName = Annotated[str, typer.Argument(help="The environment.", autocompletion=environment_names)]
Kept = Annotated[
    str,
    typer.Option(help="A release that ran there. Default: the healthy one before.", autocompletion=release_names),
]
Regions = Annotated[
    list[str] | None, typer.Option("--region", help="Only there; repeat for more. Default: all its regions.")
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Follow it; end with its outcome.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit trail.")]


def deploy(
    app: App,
    environment: EnvironmentName,
    release: Annotated[
        str,
        typer.Option(
            help="A release, or @<environment> for what is deployed there. Default: the newest.",
            autocompletion=release_names,
        ),
    ] = "",
    regions: Regions = None,
    strategy: Annotated[
        str, typer.Option(help="recreate, rolling, blue-green or canary, with its defaults; not what is declared.")
    ] = "",
    override: Annotated[str, typer.Option(help="Go through freezes, for this reason, on record.")] = "",
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Bring a release into an environment."""
    body = {"environment": environment, "release": release, "strategy": strategy, "override_reason": override}
    connection = client()
    started = connection.post(f"/api/v1/apps/{quote(app)}/deployments", _given(body, regions))
    _end(connection, started, wait, as_json, f"{_name(started)}: {started['release_id']} goes to {environment}")


def rollback(
    app: App,
    environment: EnvironmentName,
    to: Kept = "",
    regions: Regions = None,
    override: Annotated[
        str, typer.Option(help="Past a contract migration without a way down, for this reason, on record.")
    ] = "",
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Go back: straight to what was there before, or end the rollout that is under way."""
    body = {"environment": environment, "to": to, "override_reason": override}
    connection = client()
    started = connection.post(f"/api/v1/apps/{quote(app)}/rollbacks", _given(body, regions))
    done = f"{environment} goes back to {started['release_id']}"
    if started["aborted"]:
        done = f"{started['release_id']} is taken back from {environment}"
    _end(connection, started, wait, as_json, f"{_name(started)}: {done}")


def promote(
    name: Where,
    environment: Environment = "",
    full: Annotated[bool, typer.Option("--full", help="Skip all steps that follow, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """End the wait: the step that a deployment holds, or the bake between two waves."""
    _steer(name, environment, "promote", {"full": full}, as_json, "goes on")


def pause(name: Where, environment: Environment = "", reason: Reason = "", as_json: AsJson = False) -> None:
    """Let it stand still: no step, no wave. Samples go on."""
    _steer(name, environment, "pause", {"reason": reason}, as_json, "is paused")


def resume(name: Where, environment: Environment = "", as_json: AsJson = False) -> None:
    """Go on after a pause or a halt (the regions that failed are tried again)."""
    _steer(name, environment, "resume", {}, as_json, "goes on")


def abort(name: Where, environment: Environment = "", reason: Reason = "", as_json: AsJson = False) -> None:
    """Take it back."""
    _steer(name, environment, "abort", {"reason": reason}, as_json, "is taken back")


def _steer(name: str, environment: str, verb: str, body: Json, as_json: bool, words: str) -> None:
    connection = client()
    path = path_of(connection, name, environment)
    answer = connection.post(f"/api/v1{path}/{verb}", {key: value for key, value in body.items() if value})
    what = f"{name}/{environment}" if environment else name
    print_done(answer, as_json, f"{what} {words}" if answer["changed"] else f"{what} was so already")


def _given(body: Json, regions: list[str] | None) -> Json:
    return {key: value for key, value in (body | {"regions": regions or []}).items() if value}


def _name(started: Json) -> str:
    return f"{started['app']}@{started['number']}"


def _end(connection: Client, started: Json, wait: bool, as_json: bool, words: str) -> None:
    if wait:
        raise typer.Exit(follow_to_the_end(connection, started, as_json))
    hint = f": sealane deployments show -f '{_name(started)}'"
    print_done(started, as_json, words + hint)


def follow_to_the_end(connection: Client, started: Json, as_json: bool) -> int:
    """The exit code of a rollout that is waited for. One that was aborted on purpose ended as it should."""
    from gateway.cli.rollout_live import follow_rollout

    document = follow_rollout(connection, started["rollout_id"], error_console if as_json else console)
    if as_json:
        print_json(document)
    wanted = ("aborted", "rolled_back") if started.get("aborted") else ("success",)
    return Exit.OK if document["outcome"] in wanted else Exit.RUN_FAILED
