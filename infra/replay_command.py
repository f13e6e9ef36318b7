"""`sealane replay`: reads the whole log again, checks its hash chains and folds every aggregate."""

import time
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress

from core.eventlog.envelope import Stream
from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, error_console, print_json
from infra.local.installation import with_running_servers
from infra.settings_command import settings_or_error
from infra.wiring.parts import log_reader
from processors.replay import Replay, Replayed


def replay(
    stream: Annotated[str, typer.Argument(help="Show the state of this stream, e.g. run/<id> or app/<name>.")] = "",
    until: Annotated[str, typer.Option(help="Leave out what was recorded later (RFC 3339 time).")] = "",
    as_json: AsJson = False,
) -> None:
    """Replay the log: verify every hash chain; with a stream, show its state, now or at a time."""
    from core.aggregates import AGGREGATES

    settings = with_running_servers(settings_or_error())
    work = Replay(AGGREGATES, _time(until), _stream(stream))
    began = time.monotonic()
    reader = log_reader(settings, "sealane-replay")
    with Progress(console=error_console, transient=True, disable=not error_console.is_terminal) as progress:
        bar = progress.add_task("replaying")
        result = work.run(
            reader, settings.topology, lambda done, total: progress.update(bar, completed=done, total=total)
        )
    reader.close()
    _show(result, stream, time.monotonic() - began, as_json)
    if result.faults:
        raise typer.Exit(Exit.RUN_FAILED)


def _show(result: Replayed, stream: str, seconds: float, as_json: bool) -> None:
    faults = [{"position": str(each.position), "code": each.code, "detail": each.detail} for each in result.faults]
    states = msgspec.to_builtins(result.states)
    if as_json:
        counts = {"events": result.events, "streams": len(states), "seconds": round(seconds, 3), "faults": faults}
        return print_json(counts | ({"state": states.get(stream)} if stream else {}))
    for fault in faults:
        console.print(f"[red]{fault['code']}[/red] at {fault['position']}: {fault['detail']}", soft_wrap=True)
    if stream and stream not in states:
        raise CliError(f"the log has no event of '{stream}'", Exit.NOT_FOUND, "stream-unknown")
    if stream:
        print_json(states[stream])
    verdict = "[red]the log was altered[/red]" if faults else "[green]every chain holds[/green]"
    console.print(
        f"{result.events} events of {len(states)} streams in {seconds:.1f} s "
        f"({result.events / max(seconds, 1e-6):,.0f}/s): {verdict}"
    )
    return None


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        time_ = datetime.fromisoformat(text)
    except ValueError as error:
        raise CliError(f"--until wants an RFC 3339 time, not '{text}'", Exit.USAGE, "time-invalid") from error
    return time_ if time_.tzinfo else time_.astimezone()


def _stream(text: str) -> Stream | None:
    try:
        return Stream.parse(text) if text else None
    except ValueError as error:
        raise CliError(str(error), Exit.USAGE, "stream-invalid") from error
