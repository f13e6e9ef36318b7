"""Exit codes and the one way a command ends in an error."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script can rely on. A waited-for run's own outcome is RUN_FAILED when it isn't success."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNAVAILABLE = 5
    INVALID_INPUT = 6
    INTERRUPTED = 130


class CliError(Exception):
    """Ends the command with one message: what, where, what to do."""

    def __init__(self, message: str, exit_code: Exit = Exit.REFUSED, code: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code
