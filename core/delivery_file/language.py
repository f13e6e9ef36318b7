"""`delivery.yml` from the top: one description that the validator, the JSON Schema and the reference share."""

from typing import Final

from core.delivery_file.kinds import APP_NAME, COMMAND, ENVIRONMENT_NAME, SPAN, TIME
from core.delivery_file.language_analysis import ANALYSIS, PROBE
from core.delivery_file.language_strategy import STRATEGY
from core.delivery_file.language_target import TARGET
from core.pipeline.kinds import Choice, Flag, Whole
from core.pipeline.language_stage import APPROVAL
from core.pipeline.language_trigger import SCHEDULE
from core.pipeline.shapes import Either, Key, ListOf, MapOf, Record
from core.pipeline.vocabulary import REGION

RISKS: Final = ("low", "medium", "high", "critical")
MAX_ENVIRONMENTS: Final = 50

WINDOW = Record(
    "a window",
    (
        *SCHEDULE.keys,
        Key("duration", SPAN, "From each such time on, so long.", required=True, aliases=("for", "length")),
    ),
    "Window",
    "Times that begin whenever the cron line comes due.",
)
_WINDOWS = ListOf(WINDOW, "windows", single=True, at_most=50)

BAKE = Record(
    "'bake'",
    (
        Key("time", TIME, "At least so long.", default="0s", aliases=("for", "duration")),
        Key("min_requests", Whole(0, 1_000_000_000), "So many in each region of the wave.", default="0"),
        Key("give_up", SPAN, "Without enough requests until then, the rollout halts.", default="1h"),
    ),
    "Bake",
    "What a wave must have stood before the next one begins. `bake: 30m` is short for `{time: 30m}`.",
)

HOOK = Record(
    "'pre_deploy'",
    (
        Key("run", COMMAND, "The command, in a copy of the release.", required=True, aliases=("command", "script")),
        Key(
            "phase",
            Choice("phase", ("expand", "contract")),
            "`expand`: the old release still works after it. `contract`: it does not, so nothing goes back past it "
            "without `down`.",
            default="`expand`",
        ),
        Key("down", COMMAND, "What takes it back."),
        Key("timeout", SPAN, "After this it counts as failed.", default="10m"),
    ),
    "Pre-deploy",
    "A command that is run once per rollout before any instance: database migrations. `pre_deploy: ./migrate` is short "
    "for `{run: ./migrate}`.",
)

ENVIRONMENT = Record(
    "an environment",
    (
        Key(
            "regions",
            ListOf(REGION, "regions", single=True, at_least=1, at_most=100, unique=True),
            "Where it is.",
            required=True,
            aliases=("region",),
        ),
        Key("target", TARGET, "What a release runs on.", default="a process, as the `Procfile` says"),
        Key(
            "targets",
            MapOf(REGION, TARGET, "targets", at_most=100),
            "By region, where it isn't `target`.",
        ),
        Key("strategy", STRATEGY, "How a release gets there.", default="`risk` chooses"),
        Key(
            "risk",
            Choice("risk", RISKS),
            "Chooses a strategy where none is given: `low` rolling at once, `medium` rolling with health checks, "
            "`high` a canary, `critical` blue-green with a switch by hand.",
            default="`medium`",
        ),
        Key("critical", Flag(), "Whether it must never be without a running release.", default="false"),
        Key(
            "waves",
            ListOf(ListOf(REGION, "regions", single=True, at_least=1), "waves", at_least=1, at_most=100),
            "Which regions go together, one wave after the other; each region once.",
            default="all at once",
        ),
        Key("bake", Either("a duration, or {time, min_requests}", TIME, None, BAKE), "Between waves."),
        Key(
            "approval",
            APPROVAL,
            "People who must agree before a rollout begins, or a stage's own steps. It holds no lock meanwhile.",
        ),
        Key(
            "freeze",
            _WINDOWS,
            "When no rollout begins, and no stage's own steps. Rollbacks do.",
            aliases=("freezes", "frozen"),
        ),
        Key(
            "windows",
            _WINDOWS,
            "The only times when a rollout begins, or a stage's own steps.",
            default="always",
            aliases=("window",),
        ),
        Key("analysis", ANALYSIS, "What is measured, and what rolls back."),
        Key(
            "probes",
            ListOf(PROBE, "probes", single=True, at_most=50),
            "Synthetic checks.",
            aliases=("smoke_tests", "tests", "smoke"),
        ),
        Key(
            "pre_deploy",
            Either("a command, or {run, phase, ...}", COMMAND, None, HOOK),
            "Once, before any instance.",
            aliases=("pre-deploy", "migrate", "migrations"),
        ),
        Key(
            "watch", TIME, "So long after the end a failed check or probe, or a crash, still rolls back.", default="0s"
        ),
        Key("deadline", SPAN, "A deployment in one region that takes longer goes back.", default="1h"),
        Key(
            "on_failure",
            Choice("reaction", ("rollback_all", "halt")),
            "When one region fails: whether those that had finished go back too, or all stands still.",
            default="`rollback_all`",
            aliases=("on-failure",),
        ),
    ),
    "Environment",
    "A place that releases get into, in one or more regions.",
)

DELIVERY = Record(
    "the file",
    (
        Key("app", APP_NAME, "Whose environments these are; a safeguard.", default="the app of the repository"),
        Key(
            "environments",
            MapOf(ENVIRONMENT_NAME, ENVIRONMENT, "environments", at_most=MAX_ENVIRONMENTS),
            "By name.",
            required=True,
            aliases=("envs", "environment"),
        ),
    ),
    "Delivery",
    "The file `delivery.yml` beside the pipeline file. At the head of the default branch it says what the app's "
    "environments are, unless somebody has set them by the API.",
)
