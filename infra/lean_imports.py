"""What a process needs not import, so that it starts sooner and stays smaller."""

import sys
from types import ModuleType


def leave_out_command_line_of_cel() -> None:
    """The package `cel` imports its own command line (prompt_toolkit, typer, pygments): a third of a processor's start.

    Call it before `cel` is imported for the first time.
    """
    sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
