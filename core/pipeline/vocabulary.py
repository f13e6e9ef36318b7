"""The words that several parts of the language share: names, pools, variables, what expressions see."""

from typing import Final

from core.pipeline import scalars
from core.pipeline.kinds import Parsed, Text, Word
from core.pipeline.shapes import MapOf

RUN: Final = frozenset(
    ("app", "branch", "tag", "commit", "event", "pull_request", "actor", "region", "inputs", "run"),
)
WITH_ENV: Final = RUN | {"env"}
PER_STAGE: Final = WITH_ENV | {"stages"}
PER_MATRIX: Final = WITH_ENV | {"matrix"}
PER_JOB: Final = PER_STAGE | {"matrix"}
FIXED_KEYS: Final = {
    "run": ("number",),
    "pull_request": ("number", "base_branch", "title"),
}

RESERVED_VARIABLES: Final = ("OUTPUT", "WORKSPACE")
RESERVED_PREFIX: Final = "SEALANE_"
POOL_PATTERN: Final = r"(?:[a-z0-9][a-z0-9-]{0,62}/)?[a-z0-9][a-z0-9-]{0,62}"

NAME_HINT = "use letters, digits, '-' and '_', starting with a letter or digit"
STAGE_NAME = Word("a stage name", r"[A-Za-z0-9][A-Za-z0-9_-]*", "bad-name", NAME_HINT)
AXIS_NAME = Word("an axis name", r"[A-Za-z_][A-Za-z0-9_-]*", "bad-name", "use letters, digits, '-' and '_'")
INPUT_NAME = Word("an input name", r"[A-Za-z_][A-Za-z0-9_-]*", "bad-name", "use letters, digits, '-' and '_'")
LABEL = Word("a label", r"[A-Za-z0-9][A-Za-z0-9._-]*", "bad-name", "use letters, digits, '.', '-' and '_'")
GROUP = Word("a group name", r"[A-Za-z0-9][A-Za-z0-9._/@-]*", "bad-name", "use letters, digits and ./@_-", 128)
REGION = Word("a region", r"[a-z0-9][a-z0-9-]*", "bad-name", "use small letters, digits and '-'")
VARIABLE = Word(
    "an environment variable's name",
    r"[A-Za-z_][A-Za-z0-9_]*",
    "bad-env-name",
    "use letters, digits and '_', not starting with a digit",
    255,
)

SHORT: Final = 200
DURATION_PATTERN = r"^(\d+|(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$"
SIZE_PATTERN = r"^\d+(\.\d+)?([KMGT]i?)?B?$"
CPU_PATTERN = r"^(\d+(\.\d+)?|\d+m)$"

_DAY = 86_400
TIMEOUT = Parsed(
    "duration", scalars.duration_seconds, "bad-duration", DURATION_PATTERN, 1, 7 * _DAY, scalars.show_duration
)
LONG_TIMEOUT = Parsed(
    "duration", scalars.duration_seconds, "bad-duration", DURATION_PATTERN, 1, 30 * _DAY, scalars.show_duration
)
RETENTION = Parsed(
    "duration", scalars.duration_seconds, "bad-duration", DURATION_PATTERN, 1, 3650 * _DAY, scalars.show_duration
)
MEMORY = Parsed("size", scalars.size_bytes, "bad-size", SIZE_PATTERN, 16 << 20, 4 << 40, lambda b: f"{int(b) >> 20}Mi")
CPU = Parsed("number of cores", scalars.cores, "bad-cpu", CPU_PATTERN, 0.05, 256)


def env_map(contexts: frozenset[str]) -> MapOf:
    """Environment variables whose values may name `contexts`."""
    return MapOf(VARIABLE, Text(contexts, max_length=32_000), "environment variables")
