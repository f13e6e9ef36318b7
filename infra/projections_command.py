"""`sealane projections rebuild|verify`: the views made anew from the log, and compared with it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from infra.local.installation import with_running_servers
from infra.long_work import long_work
from infra.settings_command import settings_or_error

if TYPE_CHECKING:
    from projections.rebuild import Place
    from projections.verify import Verified

projections = typer.Typer(help="The Postgres views: rebuild them from the log, compare them with it.")


@projections.command("rebuild")
def rebuild_views(as_json: AsJson = False) -> None:
    """Make all views anew from the first event, beside the live ones, and swap them in. Reads go on meanwhile.

    Interrupted, it goes on where it stopped when called again.
    """
    from projections.rebuild import rebuild

    place = live_place()
    began, records = time.monotonic(), 0

    def note(done: int, total: int) -> None:
        nonlocal records
        records = done
        report(done, total)

    with explained(), long_work() as step:
        report = step("rebuilding the views", "records")
        rebuild(place, note)
    seconds = time.monotonic() - began
    if as_json:
        return print_json({"records": records, "seconds": round(seconds, 3)})
    rate = records / max(seconds, 1e-6)
    console.print(f"views rebuilt from {records:,} records in {seconds:.1f} s ({rate:,.0f}/s) and swapped in")
    return None


@projections.command("verify")
def verify_views(as_json: AsJson = False) -> None:
    """Project the log again beside the live views and compare row for row. Exit code 1 names the first difference."""
    began = time.monotonic()
    result = verified_views(live_place())
    seconds = time.monotonic() - began
    difference = str(result.difference) if result.difference else None
    if as_json:
        counts = {"records": result.records, "rows": result.rows, "seconds": round(seconds, 3)}
        print_json(counts | {"difference": difference})
    elif difference is None:
        rate = result.records / max(seconds, 1e-6)
        console.print(
            f"[green]{result.rows:,} rows equal[/green] what {result.records:,} records of the log say "
            f"({seconds:.1f} s, {rate:,.0f} records/s)"
        )
    else:
        console.print(f"[red]views differ from the log:[/red] {difference}", soft_wrap=True)
        console.print("`sealane projections rebuild` makes them anew.", style="dim")
    if difference is not None:
        raise typer.Exit(Exit.RUN_FAILED)


def live_place() -> "Place":
    from infra.wiring.parts import views_place

    return views_place(with_running_servers(settings_or_error()))


def verified_views(place: "Place") -> "Verified":
    """With progress. Raises CliError."""
    from projections.verify import verify

    with explained(), long_work() as step:
        return verify(place, step("projecting again", "records"), step("comparing", "rows"))


@contextmanager
def explained() -> Iterator[None]:
    """What can go wrong, as one message."""
    import psycopg

    from projections.projector import LogMismatch
    from projections.rebuild import RebuildHalted

    try:
        yield
    except RebuildHalted as error:
        raise CliError(f"{error} [projection-halted]", Exit.REFUSED, "projection-halted") from error
    except LogMismatch as error:
        raise CliError(f"{error} [log-mismatch]", Exit.RUN_FAILED, "log-mismatch") from error
    except psycopg.OperationalError as error:
        text = f"Postgres can't be used: {str(error).strip()}. Is it running? (sealane status, DATABASE_URL)"
        raise CliError(f"{text} [postgres-unavailable]", Exit.UNAVAILABLE, "postgres-unavailable") from error
