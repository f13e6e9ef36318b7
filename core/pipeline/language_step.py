"""The keys of a step."""

from typing import Final

from core.pipeline.actions import NOT_YET
from core.pipeline.kinds import Choice, Flag, If, Text
from core.pipeline.shapes import Key, MapOf, Record
from core.pipeline.vocabulary import PER_JOB, PER_MATRIX, SHORT, TIMEOUT, VARIABLE, env_map

_LATER = ", ".join(f"`{action}`" for action in NOT_YET)
SHELLS: Final = ("bash", "sh")
MAX_SCRIPT: Final = 200_000

SHELL = Choice("shell", SHELLS, "unknown-shell")

STEP = Record(
    "a step",
    (
        Key("name", Text(PER_MATRIX, SHORT), "Shown everywhere.", default="the action, or the script's first line"),
        Key(
            "run",
            Text(PER_JOB, MAX_SCRIPT, what="a script", may_be_empty=False, code="empty-script"),
            "A script, run by `shell`. A `${{ }}` in it becomes an environment variable, never text of the script.",
            aliases=("script", "command", "commands", "cmd", "sh"),
        ),
        Key(
            "uses",
            Text(what="an action"),
            "A built-in action: [`git-checkout`](#git-checkout), or as the last step [`deploy`](#deploy). "
            f"Not available yet: {_LATER}.",
        ),
        Key("with", MapOf(VARIABLE, Text(PER_JOB), "arguments"), "Arguments of the action.", aliases=("args",)),
        Key("env", env_map(PER_JOB), "Environment variables of this step.", aliases=("environment", "variables")),
        Key("shell", SHELL, "What runs the script.", default="`bash`"),
        Key(
            "working_directory",
            Text(PER_JOB, 1_000, what="a directory", may_be_empty=False),
            "Where the step runs, below the workspace.",
            aliases=("working-directory", "cwd", "dir", "workdir"),
        ),
        Key("if", If(PER_JOB), "Whether the step runs.", default="`success()`", aliases=("when", "condition", "only")),
        Key("timeout", TIMEOUT, "After this the step fails.", default="the job's", aliases=("timeout-minutes",)),
        Key(
            "continue_on_error",
            Flag(),
            "Whether the job goes on, and may succeed, although this step failed.",
            default="false",
            aliases=("continue-on-error", "allow_failure", "ignore_errors"),
        ),
    ),
    "Step",
    "A step is a script (`run`) or an action (`uses`). The steps of a job run in order in one workspace, and stop at "
    "the first that fails.",
)
