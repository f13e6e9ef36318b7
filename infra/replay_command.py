"""`sealane replay`: reads the whole log again, beside the live platform, and says whether all of it holds."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from core.eventlog.envelope import Stream
from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from infra.local.installation import with_running_servers
from infra.long_work import long_work
from infra.settings_command import settings_or_error


def replay(
    stream: Annotated[str, typer.Argument(help="Show the state of this stream, e.g. run/<id> or app/<name>.")] = "",
    until: Annotated[str, typer.Option(help="Leave out what was recorded later (RFC 3339 time).")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Compare all states and views with the live ones.")] = False,
    into: Annotated[
        Path | None, typer.Option("--into", help="Restore into this data directory of a fresh one.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="With --into: the folder of the export.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay the log from its first event: follow every hash chain, fold every aggregate.

    With a stream, show its state, now or at a time. With --verify, compare the states byte for byte with those of the
    snapshots, and the views row for row with the live ones. Exit code 1: a difference or a fault was found and named.
    With --into and --from, replay an export into a fresh installation.
    """
    if into is not None or source is not None:
        if into is None or source is None:
            raise CliError("--into FOLDER and --from FOLDER belong together", Exit.USAGE, "folder-missing")
        from infra.restore_command import restore

        return restore(into, source, as_json)
    if stream and verify:
        raise CliError("--verify is about all streams: leave the stream out", Exit.USAGE, "stream-not-wanted")
    from infra.replay_report import Report
    from infra.replay_steps import compare_views, replay_log

    settings = with_running_servers(settings_or_error())
    report = Report()
    with long_work() as step:
        replay_log(settings, report, _time(until), _stream(stream), verify, step)
        if verify:
            compare_views(settings, report, _time(until), step)
    report.show(stream, as_json)
    if not report.holds:
        raise typer.Exit(Exit.RUN_FAILED)
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
