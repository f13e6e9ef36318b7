"""`sealane replay --into`: an export becomes a fresh installation, which goes on where the other was."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from infra.backup import restore_all
from infra.embedded.errors import ServerError
from infra.embedded.supervisor import Supervisor, running_supervisor
from infra.local.installation import Installation
from infra.long_work import Report, long_work
from infra.objects.filesystem import FilesystemObjects
from infra.projections_command import explained
from infra.settings import Settings
from infra.settings_command import settings_or_error
from processors.export.check import ExportCheck
from processors.export.manifest import ExportError


def restore(into: Path, source: Path, as_json: bool) -> None:
    """Into the data directory `into`, and the Kafka and Postgres of the settings, else embedded. Raises CliError."""
    settings = msgspec.structs.replace(settings_or_error(), data_dir=str(into))
    if pid := running_supervisor(settings.data_path):
        raise CliError(
            f"an installation runs on {settings.data_path} (process {pid}): restore into a fresh one "
            "[installation-not-fresh]",
            Exit.REFUSED,
            "installation-not-fresh",
        )
    brought = (settings.data_path / "key").exists()
    export = FilesystemObjects(source)
    began = time.monotonic()
    try:
        with explained(), long_work() as step:
            _insist_that_it_holds(export, step("checking the export", "records"))
            with _servers(settings) as running:
                manifest = restore_all(running, export, step("restoring", "offsets"))
    except ExportError as error:
        raise CliError(str(error), Exit.REFUSED, error.code) from error
    except ServerError as error:
        raise CliError(str(error), Exit.UNAVAILABLE, error.code) from error
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


def _insist_that_it_holds(export: FilesystemObjects, report: Report) -> None:
    """Before anything is written. A damaged export is not restored in part."""
    for fault in ExportCheck(export).run(report):
        raise ExportError("export-damaged", f"{fault.position}: {fault.detail}; nothing was restored")


@contextmanager
def _servers(settings: Settings) -> Iterator[Settings]:
    """The settings with the servers that are there, or embedded ones that run meanwhile."""
    installation = Installation(settings)
    with Supervisor(settings.data_path, lambda change: None) as supervisor:
        installation.prepare_servers(lambda text: None)
        supervisor.start(*installation.servers)
        yield installation.settings
