"""`sealane logs`: a job's log, or all jobs of a run, from any line on, live with -f."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.client import Client
from gateway.cli.context import AsJson, RunArgument, client, find_run
from gateway.cli.errors import CliError, Exit
from gateway.cli.live import log_line, run_log
from gateway.cli.output import console

Json = dict[str, Any]


def logs(
    name: RunArgument,
    job: Annotated[str, typer.Argument(help="Only this job (its id or the stage's name).")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    attempt: Annotated[str, typer.Option(help="Which attempt of the job.")] = "latest",
    from_line: Annotated[int, typer.Option(help="First line to show, counting from 0.", min=0)] = 0,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Put the time before each line.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show logs. ANSI colours are kept."""
    connection = client()
    document = find_run(connection, name)
    if not job:
        return _show_all(connection, document, follow, as_json)
    path = f"/api/v1/runs/{document['id']}/jobs/{quote(_job_id(document, job))}/attempts/{attempt}/log"
    if follow:
        lines = connection.events(f"{path}/stream", from_line=from_line)
        return _print_lines((line for _, line in lines), as_json)
    return _write(connection, path, as_json, from_line=from_line, timestamps=timestamps)


def _show_all(connection: Client, document: Json, follow: bool, as_json: bool) -> None:
    if follow or document["state"] == "finished":
        return _print_lines(run_log(connection, document["id"]), as_json)
    for job in _jobs(document):
        if job["attempt"]:
            if not as_json:
                console.rule(job["name"], style="dim")
            _write(connection, f"/api/v1/runs/{document['id']}/jobs/{quote(job['id'])}/attempts/latest/log", as_json)
    return None


def _write(connection: Client, path: str, as_json: bool, **wanted: Any) -> None:
    """What there is by now."""
    sys.stdout.buffer.write(connection.text(path, format="ndjson" if as_json else "text", **wanted))
    sys.stdout.flush()


def _print_lines(lines: Iterator[Json], as_json: bool) -> None:
    for line in lines:
        if as_json:
            sys.stdout.write(f"{json.dumps(line, ensure_ascii=False)}\n")
            sys.stdout.flush()
        else:
            console.print(log_line(line), soft_wrap=True)


def _jobs(document: Json) -> list[Json]:
    return [job for stage in document["stages"] for job in stage["jobs"]]


def _job_id(document: Json, name: str) -> str:
    known = _jobs(document)
    for job in known:
        if name in (job["id"], job["name"]) or name == job["stage"]:
            return str(job["id"])
    raise CliError(
        f"run {document['app']}#{document['number']} has no job '{name}': {', '.join(job['id'] for job in known)}",
        Exit.NOT_FOUND,
        "job-unknown",
    )
