"""`sealane replay --into`: an export becomes a fresh installation, which goes on where the other was."""

import time
from pathlib import Path

import msgspec

from core.ports import ObjectStore
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from infra.embedded.errors import ServerError
from infra.local.installation import running_servers
from infra.long_work import Report, long_work
from infra.projections_command import explained
from infra.settings_command import settings_or_error
from infra.wiring.backup import export_store, restore_all
from processors.export.check import ExportCheck
from processors.export.manifest import ExportError


def restore(into: Path, source: Path, as_json: bool) -> None:
    """Into the data directory `into`, and the Kafka and Postgres of the settings, else embedded. Raises CliError."""
    settings = msgspec.structs.replace(settings_or_error(), data_dir=str(into))
    brought = (settings.data_path / "key").exists()
    export = export_store(source)
    began = time.monotonic()
    try:
        with explained(), long_work() as step, running_servers(settings) as running:
            _insist_that_it_holds(export, step("checking the export", "records"))
            manifest = restore_all(running, export, step("restoring", "offsets"))
    except ExportError as error:
        raise CliError(str(error), Exit.REFUSED, error.code) from error
    except ServerError as error:
        raise CliError(f"{error} [{error.code}]", Exit.UNAVAILABLE, error.code) from error
    assert manifest.cut is not None
    records = sum(each.records for each in manifest.segments)
    seconds = time.monotonic() - began
    if as_json:
        return print_json(
            {"records": records, "seconds": round(seconds, 3), "taken_at": manifest.cut.taken_at.isoformat()}
        )
    console.print(
        f"{records:,} records of {manifest.cut.taken_at:%Y-%m-%d %H:%M:%S} UTC restored into {settings.data_path} in "
        f"{seconds:.1f} s. Start it (sealane up); its views and states are made from the log.",
        soft_wrap=True,
    )
    if not brought:
        console.print(
            f"There was no {settings.data_path / 'key'}, so a new one was made: the administrator's token and all "
            "webhook secrets are new ones. With the old key in its place they stay what they were.",
            style="yellow",
            soft_wrap=True,
        )
    return None


def _insist_that_it_holds(export: ObjectStore, report: Report) -> None:
    """Before anything is written. A damaged export is not restored in part."""
    for fault in ExportCheck(export).run(report):
        raise ExportError("export-damaged", f"{fault.position}: {fault.detail}; nothing was restored")
