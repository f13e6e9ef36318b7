"""`sealane approvals` and `approve`: what waits for people, and answering it."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.client import Client
from gateway.cli.context import AsJson, client, find_run
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_done, print_json, print_rows
from gateway.cli.rollout_names import is_id, is_rollout_name

Json = dict[str, Any]


def approvals(as_json: AsJson = False) -> None:
    """What waits for somebody's approval: stages of runs, and rollouts."""
    page = client().get("/api/v1/approvals")
    if as_json:
        return print_json(page)
    stages = [item | {"what": f"{item['app']}#{item['number']}", "where": item["stage"]} for item in page["items"]]
    rollouts = [_rollout_row(item) for item in page["rollouts"]]
    columns = [
        ("WHAT", "what"),
        ("WHERE", "where"),
        ("GIVEN", "given"),
        ("NEEDED", "count"),
        ("GROUPS", "groups"),
        ("ASKED", "requested_at"),
        ("EXPIRES", "expires_at"),
        ("TITLE", "title"),
    ]
    rows = sorted([*stages, *rollouts], key=lambda row: str(row["requested_at"]))
    return print_rows(rows, columns, "nothing waits for an approval")


def _rollout_row(item: Json) -> Json:
    release = item["release"]
    title = f"{release['id']} {release['title']}".strip()
    return item | {"what": f"{item['app']}@{item['number']}", "where": item["environment"], "title": title}


def approve(
    name: Annotated[str, typer.Argument(help="A run (<app>#<number>), a rollout (<app>@<number>), an id, or an app.")],
    stage: Annotated[str, typer.Argument(help="Of a run: the stage; may be left out when only one waits.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Say no: the stage fails, the rollout ends.")] = False,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why, for the audit trail.")] = "",
    link: Annotated[
        bool, typer.Option("--link", help="Of a rollout: print a link to a page on which you can answer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Approve (or reject) a stage or a rollout that waits for it."""
    connection = client()
    rollout = _rollout(connection, name, stage)
    if link:
        return _print_link(connection, rollout, name, as_json)
    word = "rejected" if reject else "approved"
    body = {"approve": not reject, "comment": comment}
    if rollout is not None:
        answer = connection.post(f"/api/v1/rollouts/{rollout['rollout_id']}/approvals", body)
        what = f"{rollout['app']}@{rollout['number']}: {rollout['release']['id']} to {rollout['environment']}"
        return print_done(answer, as_json, f"{what} {word}")
    document = find_run(connection, name)
    stage = stage or _only_waiting(document)
    answer = connection.post(f"/api/v1/runs/{document['id']}/approvals/{quote(stage, safe='')}", body)
    return print_done(answer, as_json, f"{document['app']}#{document['number']}: {stage} {word}")


def _rollout(connection: Client, name: str, stage: str) -> Json | None:
    """The waiting rollout that is meant; None where it is a run. Raises CliError."""
    if "#" in name or stage:
        return None
    page = connection.get("/api/v1/approvals")
    if is_rollout_name(name) or is_id(name):
        for each in page["rollouts"]:
            if name in (each["rollout_id"], f"{each['app']}@{each['number']}"):
                return dict(each)
        if is_id(name):
            return None
        found = connection.get(f"/api/v1/rollouts/{quote(name)}")
        raise CliError(f"{name} is {found['state']}: it waits for nobody", Exit.REFUSED, "approval-not-pending")
    return _rollout_of_app(page, name)


def _rollout_of_app(page: Json, app: str) -> Json | None:
    rollouts: list[Json] = [each for each in page["rollouts"] if each["app"] == app]
    stages = [f"{app}#{each['number']}" for each in page["items"] if each["app"] == app]
    if not rollouts:
        return None
    if len(rollouts) == 1 and not stages:
        return rollouts[0]
    names = ", ".join([*(f"{app}@{each['number']}" for each in rollouts), *stages])
    raise CliError(f"several things wait: name one of {names}", Exit.USAGE, "approval-ambiguous")


def _print_link(connection: Client, rollout: Json | None, name: str, as_json: bool) -> None:
    if rollout is None:
        raise CliError(f"no rollout '{name}' waits for an approval", Exit.REFUSED, "approval-not-pending")
    made = connection.post(f"/api/v1/rollouts/{rollout['rollout_id']}/approval-links")
    if as_json:
        return print_json(made)
    console.print(made["url"], soft_wrap=True)
    return console.print(f"whoever opens it answers as {made['person']}; until {made['expires_at']}", style="dim")


def _only_waiting(document: Json) -> str:
    waiting = [approval["stage"] for approval in document["approvals"] if approval["state"] == "pending"]
    if len(waiting) == 1:
        return str(waiting[0])
    if waiting:
        raise CliError(f"several stages wait: name one of {', '.join(waiting)}", Exit.USAGE, "stage-missing")
    run = f"{document['app']}#{document['number']}"
    raise CliError(f"nothing of {run} waits for an approval", Exit.REFUSED, "approval-not-pending")
