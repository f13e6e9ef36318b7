"""The keys of `trigger`: what starts a run."""

from core.pipeline import scalars
from core.pipeline.globs import GlobKind
from core.pipeline.kinds import Choice, Flag, Parsed, Text
from core.pipeline.shapes import Either, Key, ListOf, MapOf, Record
from core.pipeline.vocabulary import INPUT_NAME, SHORT

INPUT_TYPES = ("string", "number", "boolean", "choice")

INPUT = Record(
    "an input",
    (
        Key("type", Choice("input type", INPUT_TYPES), "What the value must be.", default="string"),
        Key("description", Text(max_length=SHORT), "Shown where the value is asked for."),
        Key("required", Flag(), "Whether a manual run is refused without it.", default="false"),
        Key(
            "default", Text(max_length=4_000), "The value when none is given, and for runs that nobody started by hand."
        ),
        Key("options", ListOf(Text(max_length=SHORT), "options", at_least=1, unique=True), "The values of a `choice`."),
    ),
    "Input",
    "A value that a person gives to a manual run, as `${{ inputs.name }}`.",
)

MANUAL = Record(
    "'manual'",
    (Key("inputs", MapOf(INPUT_NAME, INPUT, "inputs", at_most=50), "What a person may be asked for."),),
    "Manual",
    "A run can always be started by hand; this says what is asked for then.",
)

SCHEDULE = Record(
    "a schedule",
    (
        Key(
            "cron",
            Parsed("cron line", scalars.check_cron, "bad-cron", r"^\s*(\S+\s+){4}\S+\s*$"),
            "Minute, hour, day of month, month, weekday.",
            required=True,
        ),
        Key(
            "timezone",
            Parsed("time zone", scalars.check_timezone, "bad-timezone", r"^[A-Za-z0-9+_/-]+$"),
            "An IANA time zone.",
            default="UTC",
        ),
    ),
    "Schedule",
    "Times at which the head of the default branch is run.",
)

_GLOBS = ListOf(GlobKind(), "globs", single=True, at_least=1, at_most=100)

TRIGGER = Record(
    "'trigger'",
    (
        Key("branches", _GLOBS, "Pushes to these branches; for pull requests: into these branches.", aliases=("push",)),
        Key("tags", _GLOBS, "Pushes of these tags."),
        Key("paths", _GLOBS, "Only when one of these files changed. Not for tags."),
        Key(
            "paths_ignore",
            _GLOBS,
            "Not when all changed files are among these. Not together with `paths`.",
            aliases=("paths-ignore",),
        ),
        Key(
            "pull_requests", Flag(), "Pull requests, each time they change.", default="false", aliases=("pull_request",)
        ),
        Key(
            "schedule",
            Either("a list of schedules", sequence=ListOf(SCHEDULE, "schedules", at_most=20), mapping=SCHEDULE),
            "At fixed times.",
            aliases=("cron", "schedules"),
        ),
        Key("manual", MANUAL, "What is asked for when a person starts a run.", aliases=("workflow_dispatch",)),
        Key(
            "events",
            ListOf(Text(max_length=SHORT), "events", single=True, at_least=1),
            "Events of other apps.",
            instead="use 'schedule', or 'sealane run' from the other app's pipeline",
        ),
    ),
    "Trigger",
    "What starts a run. Without this key every push to any branch does. With it, only what is listed: branches need "
    "`branches`, `paths` or `paths_ignore`, tags need `tags`, pull requests need `pull_requests: true`. "
    "Starting a run by hand is always possible.",
)
