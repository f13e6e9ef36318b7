"""`sealane export`: the log as files, incremental and verifiable without any server."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit


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
    from infra.export_steps import verify_export, write_export
    from infra.objects.filesystem import ObjectStoreUnavailable
    from processors.export.manifest import ExportError

    try:
        if verify is not None:
            return verify_export(verify, as_json)
        if to is None:
            raise CliError("where to? Say --to FOLDER (or --verify FOLDER)", Exit.USAGE, "folder-missing")
        return write_export(to, as_json)
    except ExportError as error:
        raise CliError(str(error), Exit.REFUSED, error.code) from error
    except ObjectStoreUnavailable as error:
        raise CliError(str(error), Exit.UNAVAILABLE, error.code) from error
