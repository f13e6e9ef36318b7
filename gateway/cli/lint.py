"""`sealane lint`: checks a pipeline file, without a server, by the same code as a push."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from gateway.cli.run_view import problem_line


def lint(
    file: Annotated[Path, typer.Argument(help="The pipeline file.")] = Path(".pipeline.yml"),
    as_json: AsJson = False,
) -> None:
    """Check a pipeline file: every problem at once, with line, column, code and suggestion."""
    # The language takes a quarter of a second to load, and no other command needs it.
    from core.pipeline.document import read_pipeline

    document = read_pipeline(read_file(file), str(file))
    problems = [msgspec.to_builtins(problem) for problem in document.problems]
    if as_json:
        print_json({"file": str(file), "valid": not problems, "problems": problems})
    elif problems:
        for problem in problems:
            console.print(problem_line(problem), soft_wrap=True)
        console.print(f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", style="red")
    else:
        console.print(f"{file}: no problems", style="green")
    if problems:
        raise typer.Exit(Exit.INVALID_INPUT)


def read_file(file: Path) -> bytes:
    """The file's bytes. Raises CliError naming the path and the system's reason."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(f"{file} can't be read: {error.strerror}", Exit.NOT_FOUND, "file-unreadable") from error
