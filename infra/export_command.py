"""`sealane export`: the log as files, incremental and verifiable without any server."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from infra.local.installation import with_running_servers
from infra.long_work import long_work
from infra.objects.filesystem import ObjectStoreUnavailable
from infra.projections_command import explained
from infra.settings_command import settings_or_error
from infra.wiring.backup import export_all, export_store
from processors.export.check import ExportCheck, complete_manifest
from processors.export.manifest import ExportError


def export(
    to: Annotated[
        Path | None, typer.Option("--to", help="The folder to write to; the same again adds what is new.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Write nothing; check the export in this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole log, archived logs included, into a folder: only what is new since the last time.

    Everything goes on meanwhile. `sealane replay --into` restores from it.
    """
    try:
        if verify is not None:
            return _verify(verify, as_json)
        if to is None:
            raise CliError("where to? Say --to FOLDER (or --verify FOLDER)", Exit.USAGE, "folder-missing")
        return _export(to, as_json)
    except ExportError as error:
        raise CliError(str(error), Exit.REFUSED, error.code) from error
    except ObjectStoreUnavailable as error:
        raise CliError(str(error), Exit.UNAVAILABLE, error.code) from error


def _export(folder: Path, as_json: bool) -> None:
    settings = with_running_servers(settings_or_error())
    began = time.monotonic()
    with explained(), long_work() as step:
        result = export_all(settings, export_store(folder), step("exporting", "records"))
    seconds = time.monotonic() - began
    cut = result.manifest.cut if result.manifest else None
    assert cut is not None
    if as_json:
        counts = {"records": result.records, "segments": result.segments, "bytes": result.bytes}
        return print_json(
            counts | {"pending": result.pending, "seconds": round(seconds, 3), "taken_at": cut.taken_at.isoformat()}
        )
    console.print(
        f"{result.records:,} new records in {result.segments} segments, {result.bytes / 1e6:,.1f} MB, and "
        f"{result.pending} commands and log chunks in flight, in {seconds:.1f} s: {folder}",
        soft_wrap=True,
    )
    console.print(
        f"Not in it, so keep copies: {settings.data_path / 'key'} (tokens and webhook secrets are derived from it), "
        f"{settings.data_path / 'git'} (the built-in git server's repositories), sealane.toml",
        style="dim",
        soft_wrap=True,
    )
    return None


def _verify(folder: Path, as_json: bool) -> None:
    began = time.monotonic()
    objects = export_store(folder)
    check = ExportCheck(objects)
    with long_work() as step:
        faults = list(check.run(step("checking", "records")))
    cut = complete_manifest(objects).cut
    assert cut is not None
    seconds = time.monotonic() - began
    if as_json:
        found = [{"position": str(each.position), "code": each.code, "detail": each.detail} for each in faults]
        print_json({"records": check.records, "seconds": round(seconds, 3), "faults": found})
    else:
        for fault in faults:
            console.print(f"[red]{fault.code}[/red] at {fault.position}: {fault.detail}", soft_wrap=True)
        verdict = "[red]the export does not hold[/red]" if faults else "[green]whole, and every chain holds[/green]"
        rate = check.records / max(seconds, 1e-6)
        console.print(f"{check.records:,} records of {cut.taken_at:%Y-%m-%d %H:%M:%S} UTC ({rate:,.0f}/s): {verdict}")
    if faults:
        raise typer.Exit(Exit.RUN_FAILED)
