"""`sealane lint`: checks a pipeline file and its delivery.yml, without a server, by the same code as a push."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from gateway.cli.run_view import problem_line

if TYPE_CHECKING:
    from core.pipeline.problems import Problem


def lint(
    file: Annotated[Path, typer.Argument(help="The pipeline file, or a delivery.yml.")] = Path(".pipeline.yml"),
    as_json: AsJson = False,
) -> None:
    """Check a pipeline file, and the delivery.yml beside it: every problem with line, column, code and suggestion."""
    files, problems, warnings = _checked(file)
    if as_json:
        listed = [msgspec.to_builtins(problem) for problem in problems]
        print_json({"file": str(file), "files": files, "valid": not problems, "problems": listed, "warnings": warnings})
    else:
        for name in files:
            _show(name, [problem for problem in problems if problem.file == name])
        for warning in warnings:
            console.print(f"  warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    if problems:
        raise typer.Exit(Exit.INVALID_INPUT)


def _checked(file: Path) -> "tuple[list[str], list[Problem], list[str]]":
    """The files that were read, what is wrong with them, and what is only worth knowing. Raises CliError."""
    # The language takes a quarter of a second to load, and no other command needs it.
    from core.delivery_file.document import delivery_path, read_delivery
    from core.pipeline.document import read_pipeline

    if file.name.endswith(("delivery.yml", "delivery.yaml")):
        delivery = read_delivery(read_file(file), str(file))
        return [str(file)], list(delivery.problems), list(delivery.warnings)
    source = read_file(file)
    beside = Path(delivery_path(str(file)))
    if not beside.is_file():
        misnamed = _misnamed(beside)
        files = [str(file), *(problem.file for problem in misnamed)]
        return files, [*read_pipeline(source, str(file)).problems, *misnamed], []
    delivery = read_delivery(read_file(beside), str(beside))
    pipeline = read_pipeline(source, str(file), delivery.regions)
    return [str(file), str(beside)], [*pipeline.problems, *delivery.problems], list(delivery.warnings)


def _misnamed(delivery: Path) -> "list[Problem]":
    from core.pipeline.problems import Problem
    from core.pipeline.report import misnamed

    other = misnamed(delivery.name, sorted(each.name for each in delivery.parent.iterdir()))
    if not other:
        return []
    suggestion = f"there is '{other}': rename it"
    return [
        Problem("delivery-missing", f"there is no {delivery.name}", 1, 1, suggestion=suggestion, file=str(delivery))
    ]


def _show(file: str, problems: "list[Problem]") -> None:
    for problem in problems:
        console.print(problem_line(msgspec.to_builtins(problem)), soft_wrap=True)
    if problems:
        console.print(f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", style="red", soft_wrap=True)
    else:
        console.print(f"{file}: no problems", style="green", soft_wrap=True)


def read_file(file: Path) -> bytes:
    """The file's bytes. Raises CliError naming the path and the system's reason."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(f"{file} can't be read: {error.strerror}", Exit.NOT_FOUND, "file-unreadable") from error
