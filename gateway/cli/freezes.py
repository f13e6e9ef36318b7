"""`sealane freeze`, `unfreeze` and `override`: an environment is closed, open again, or gone into all the same."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.context import AsJson, client
from gateway.cli.environments import environment_path
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import age, print_done
from gateway.cli.rollouts import App, EnvironmentName, Regions

Json = dict[str, Any]


def freeze(
    app: App,
    environment: EnvironmentName,
    reason: Annotated[str, typer.Option(help="For those who wait.")],
    until: Annotated[str, typer.Option(help="When it ends by itself, as 2026-12-24T18:00:00+01:00.")] = "",
    hours: Annotated[float, typer.Option(help="Or after so many hours.", min=0)] = 0,
    regions: Regions = None,
    as_json: AsJson = False,
) -> None:
    """Let no deployment begin in an environment; rollbacks go through."""
    if until and hours:
        raise CliError("choose one of --until and --hours", Exit.USAGE, "options-conflict")
    ends = (datetime.now(UTC) + timedelta(hours=hours)).isoformat() if hours else until
    body = {"reason": reason, "until": ends, "regions": regions or []}
    answer = client().post(
        f"{environment_path(app, environment)}/freeze", {key: value for key, value in body.items() if value}
    )
    print_done(answer, as_json, f"{app}/{environment} is frozen{f', ends {age(ends)}' if ends else ''}: {reason}")


def unfreeze(app: App, environment: EnvironmentName, regions: Regions = None, as_json: AsJson = False) -> None:
    """Lift a freeze that was made by hand."""
    answer = client().post(f"{environment_path(app, environment)}/unfreeze", {"regions": regions} if regions else {})
    print_done(answer, as_json, f"{app}/{environment} is not frozen any more")


def override(
    app: App,
    environment: EnvironmentName,
    reason: Annotated[str, typer.Option(help="The emergency, for the audit trail.")],
    regions: Regions = None,
    as_json: AsJson = False,
) -> None:
    """Let what waits first in an environment go through its freezes and windows. Needs the role admin."""
    connection = client()
    places = connection.get(environment_path(app, environment))["places"]
    first = [each["queue"][0] for each in places if each["queue"] and (not regions or each["region"] in regions)]
    if not first:
        detail = f"nothing waits to go into {app}/{environment}"
        raise CliError(detail, Exit.REFUSED, "deployment-not-waiting")
    answers = [connection.post(f"/api/v1{_way_in(each)}/override", {"reason": reason}) for each in first]
    releases = ", ".join(dict.fromkeys(each["release_id"] for each in first))
    print_done({"items": answers}, as_json, f"{releases} may go into {app}/{environment}: {reason}")


def _way_in(waiting: Json) -> str:
    if waiting["stage"]:
        return f"/runs/{waiting['run_id']}/stages/{quote(waiting['stage'], safe='')}"
    return f"/deployments/{waiting['deployment_id']}"
