"""Commands about runs: run, runs, show, cancel, rerun."""

from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.client import Client
from gateway.cli.context import AsJson, RunArgument, client, find_run
from gateway.cli.errors import CliError, Exit
from gateway.cli.live import follow
from gateway.cli.output import console, error_console, print_done, print_json, print_rows
from gateway.cli.run_view import whole

Json = dict[str, Any]


def run(
    app: Annotated[str, typer.Argument(help="The app to run (with --local: ignored).")] = "",
    branch: Annotated[str, typer.Option(help="Branch to run; default: the app's default branch.")] = "",
    tag: Annotated[str, typer.Option(help="Tag to run.")] = "",
    commit: Annotated[str, typer.Option(help="Commit to run.")] = "",
    inputs: Annotated[list[str] | None, typer.Option("--input", "-i", help="key=value, may be repeated.")] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the run; end with its outcome.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Run .pipeline.yml here, on the working tree.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --local: approve whatever waits for it.")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="With --local: run although no sandbox works here.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a run of an app, or run the pipeline file here with --local."""
    if local:
        from gateway.cli.local import run_local

        raise typer.Exit(run_local(parse_pairs("--input", inputs or []), True if yes else None, unsafe))
    if not app:
        raise CliError("which app? (sealane run APP, or sealane run --local)", Exit.USAGE, "app-missing")
    connection = client()
    body = {"branch": branch, "tag": tag, "commit": commit, "inputs": parse_pairs("--input", inputs or [])}
    started = connection.post(f"/api/v1/apps/{app}/runs", {key: value for key, value in body.items() if value})
    if wait:
        raise typer.Exit(_follow(connection, started["run_id"], as_json))
    if as_json:
        print_json(started)
    else:
        console.print(f"{app}#{started['number']} is requested: sealane logs -f '{app}#{started['number']}'")


def _follow(connection: Client, run_id: str, as_json: bool) -> int:
    document = follow(connection, run_id, error_console if as_json else console)
    if as_json:
        print_json(document)
    return Exit.OK if document["outcome"] == "success" else Exit.RUN_FAILED


def parse_pairs(option: str, pairs: list[str]) -> dict[str, str]:
    """`key=value` texts as a dict. Raises CliError for a text without `=`."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise CliError(f"{option} wants key=value, not '{wrong[0]}'", Exit.USAGE, "input-invalid")
    return dict(pair.split("=", 1) for pair in pairs)


def runs(
    app: Annotated[str | None, typer.Option(help="Only this app.")] = None,
    branch: Annotated[str | None, typer.Option(help="Only this branch.")] = None,
    state: Annotated[str | None, typer.Option(help="requested, queued, running, waiting or finished.")] = None,
    outcome: Annotated[str | None, typer.Option(help="success, failure, cancelled, error, invalid, ignored.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    page = client().get(
        "/api/v1/runs", app=app, branch=branch, state=state, outcome=outcome, limit=limit, cursor=cursor
    )
    if as_json:
        return print_json(page)
    rows = [_row(item) for item in page["items"]]
    columns = [
        ("RUN", "run"),
        ("STATE", "verdict"),
        ("BRANCH", "place"),
        ("COMMIT", "commit"),
        ("TITLE", "title"),
        ("TOOK", "duration_seconds"),
        ("STARTED", "created_at"),
        ("REGION", "region"),
    ]
    print_rows(rows, columns, "no runs: push a commit, or start one with 'sealane run APP'")
    if page["next_cursor"]:
        console.print(f"more: --cursor {page['next_cursor']}", style="dim")
    return None


def _row(item: Json) -> Json:
    return item | {
        "run": f"{item['app']}#{item['number']}",
        "verdict": item["outcome"] or item["state"],
        "place": item["branch"] or item["tag"] or item["ref"],
        "commit": item["commit"][:10],
        "title": item["title"][:50],
    }


def show(
    name: RunArgument,
    follow_run: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing it until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a run: its DAG, jobs, steps, and what it waits for."""
    connection = client()
    document = find_run(connection, name)
    if follow_run and document["state"] != "finished":
        raise typer.Exit(_follow(connection, document["id"], as_json))
    if as_json:
        print_json(document)
    else:
        wide = Console(highlight=False, soft_wrap=True) if not console.is_terminal else console
        wide.print(whole(document))
        wide.print(f"  {document['id']}", style="dim")


def cancel(
    name: RunArgument,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cancel a run: its jobs get SIGTERM, then SIGKILL after 10 s."""
    connection = client()
    document = find_run(connection, name)
    answer = connection.post(f"/api/v1/runs/{document['id']}/cancel", {"detail": reason} if reason else {})
    print_done(answer, as_json, f"{document['app']}#{document['number']}: cancel requested")


def rerun(
    name: RunArgument,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, and what depends on it.")] = False,
    from_stage: Annotated[str, typer.Option("--from", help="This stage and all that depends on it.")] = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow it; end with its outcome.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a finished run again: all of it, only what failed, or from a stage."""
    if failed and from_stage:
        raise CliError("choose one of --failed and --from", Exit.USAGE, "options-conflict")
    connection = client()
    document = find_run(connection, name)
    mode = "failed" if failed else "from_stage" if from_stage else "all"
    body = {"mode": mode} | ({"stage": from_stage} if from_stage else {})
    answer = connection.post(f"/api/v1/runs/{document['id']}/rerun", body)
    if wait:
        raise typer.Exit(_follow(connection, document["id"], as_json))
    print_done(answer, as_json, f"{document['app']}#{document['number']}: runs again ({mode.replace('_', ' ')})")
