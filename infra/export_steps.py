"""The work of `sealane export`: the log written into a folder, or a folder checked."""

import time
from pathlib import Path

import typer

from gateway.cli.errors import Exit
from gateway.cli.output import console, print_json
from infra.local.installation import with_running_servers
from infra.long_work import long_work
from infra.projections_command import explained
from infra.settings_command import settings_or_error
from infra.wiring.backup import export_all, export_store
from processors.export.check import ExportCheck, complete_manifest


def write_export(folder: Path, as_json: bool) -> None:
    """What is new since the last time. Raises ExportError, ObjectStoreUnavailable, CliError."""
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


def verify_export(folder: Path, as_json: bool) -> None:
    """Exits with 1 where the export does not hold. Raises ExportError, ObjectStoreUnavailable."""
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
