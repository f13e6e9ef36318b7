"""The keys of a stage that say what it runs, where, and how often."""

from core.pipeline.kinds import Choice, Flag, If, Text, Whole
from core.pipeline.language_deploy import DEPLOY_OR_NAME, ENVIRONMENT_TEXT
from core.pipeline.language_later import ARTIFACTS, CACHE, REPORTS, SECRETS, SERVICES
from core.pipeline.language_step import STEP
from core.pipeline.matrix import MatrixKind
from core.pipeline.shapes import Either, Key, ListOf, Record
from core.pipeline.vocabulary import (
    CPU,
    GROUP,
    LABEL,
    LONG_TIMEOUT,
    MEMORY,
    PER_JOB,
    PER_MATRIX,
    PER_STAGE,
    POOL_PATTERN,
    REGION,
    SHORT,
    STAGE_NAME,
    TIMEOUT,
    env_map,
)

NEED = Record(
    "an entry of 'needs'",
    (
        Key("stage", STAGE_NAME, "The stage that must have ended.", required=True, aliases=("name", "job")),
        Key(
            "allow_failure",
            Flag(),
            "Go on although it failed.",
            default="false",
            aliases=("optional", "continue_on_error"),
        ),
    ),
    "Need",
    "An edge of the DAG.",
)
_NEED = Either("a stage name, or {stage, allow_failure}", scalar=STAGE_NAME, mapping=NEED)

POOL = Record(
    "'pool'",
    (
        Key(
            "name",
            Text(PER_MATRIX, SHORT, r"[a-z0-9][a-z0-9-]*", "a pool's name", "bad-pool"),
            "The pool.",
            default="`default`",
        ),
        Key("labels", ListOf(LABEL, "labels", single=True, unique=True, at_most=20), "What the agent must have."),
        Key("region", REGION, "Where.", default="the app's region"),
    ),
    "Pool",
    "Which agents may run the jobs. `pool: gpu` is short for `{name: gpu}`, `pool: eu-west/gpu` for "
    "`{name: gpu, region: eu-west}`.",
)
POOL_OR_NAME = Either(
    "a pool's name, or {name, labels, region}",
    scalar=Text(PER_MATRIX, SHORT, POOL_PATTERN, "a pool: `name` or `region/name`", "bad-pool"),
    mapping=POOL,
)

RESOURCES = Record(
    "'resources'",
    (
        Key("cpu", CPU, "Cores that are set aside: `2`, `0.5`, `500m`.", default="2", aliases=("cpus",)),
        Key("memory", MEMORY, "Memory that is set aside: `512Mi`, `4Gi`.", default="4Gi", aliases=("mem", "ram")),
    ),
    "Resources",
    "What one job needs. The limits are twice that: by default 4 cores and 8Gi.",
)

RETRY = Record(
    "'retry'",
    (
        Key("max", Whole(0, 10), "How many further attempts.", required=True, aliases=("count", "attempts", "limit")),
        Key(
            "on",
            ListOf(
                Choice("reason to retry", ("agent_lost", "failure", "timeout")),
                "reasons",
                single=True,
                at_least=1,
                unique=True,
            ),
            "For which reasons.",
            default="all three",
            aliases=("when",),
        ),
    ),
    "Retry",
    "Further attempts of a job. `retry: 2` is short for `{max: 2}`. Without the key a job whose agent was lost gets "
    "two more attempts, and no other job does.",
)
RETRY_OR_COUNT = Either("a number of attempts, or {max, on}", scalar=Whole(0, 10), mapping=RETRY)

APPROVAL = Record(
    "'approval'",
    (
        Key("count", Whole(1, 20), "How many people must agree.", default="1"),
        Key(
            "groups", ListOf(GROUP, "groups", single=True, unique=True, at_most=20), "Whose members may.", default="any"
        ),
        Key("timeout", LONG_TIMEOUT, "After this the stage is rejected.", default="1d"),
        Key(
            "prevent_self_approval",
            Flag(),
            "Whoever started the run does not count.",
            default="false",
            aliases=("prevent-self-approval",),
        ),
    ),
    "Approval",
    "People who must agree before the stage starts. The run waits, holding no agent.",
)

ENVIRONMENT = Record(
    "'environment'",
    (
        Key("name", ENVIRONMENT_TEXT, "Its name.", required=True),
        Key(
            "regions",
            ListOf(REGION, "regions", single=True, at_least=1, unique=True),
            "Only these regions of it.",
            default="all of them",
        ),
    ),
    "Environment",
    "Sets `$ENVIRONMENT`, and says where `deploy` goes to. Where the app declares the environment (by [`delivery.yml`]"
    "(delivery-reference.md) at the head of the default branch, or the API), a stage without `deploy` keeps to its "
    "rules: before its first job it waits for the environment's `approval`, its freezes and deployment windows, "
    "and its lock in each of the regions. It holds that until it ends, so that no rollout and no other such stage "
    "changes the environment meanwhile. A release in quarantine is refused, unless somebody asked for just this run. "
    "What the app doesn't declare is just a name. Steps of a stage with `deploy` run before its rollout, which does "
    "all that by itself.",
)

IMAGE = Text(PER_MATRIX, 500, r"[A-Za-z0-9][A-Za-z0-9._/:@+-]*", "an image", "bad-image")

STAGE = Record(
    "a stage",
    (
        Key("name", STAGE_NAME, "Unique in the file.", required=True, aliases=("id", "stage")),
        Key(
            "needs",
            ListOf(_NEED, "stages", single=True, at_most=500),
            "Stages that must have ended well before this one starts.",
            aliases=("depends_on", "depends-on", "dependsOn", "requires", "after"),
        ),
        Key(
            "if",
            If(PER_STAGE),
            "Whether the stage runs. Without a status function it also asks for `success()`.",
            default="`success()`",
            aliases=("when", "condition", "only", "rules"),
        ),
        Key("matrix", MatrixKind(), "One job for each combination of values.", aliases=("strategy",)),
        Key(
            "shards",
            Whole(1, 1000),
            "Several jobs that share the test files.",
            instead="write 'matrix: {shard: [1, 2, 3]}' and choose the files by ${{ matrix.shard }}",
        ),
        Key(
            "pool", POOL_OR_NAME, "Which agents.", default="`default`", aliases=("runs-on", "runs_on", "agents", "tags")
        ),
        Key("image", IMAGE, "The image the jobs run in. Agents that run jobs as processes refuse them."),
        Key("resources", RESOURCES, "What one job needs."),
        Key(
            "services",
            SERVICES,
            "Containers beside the job.",
            instead="start the service in a step, in the background: 'run: redis-server &'",
        ),
        Key(
            "network",
            Choice("network", ("none", "egress")),
            "Whether the jobs reach the network.",
            default="`egress`",
        ),
        Key("timeout", TIMEOUT, "After this a job is stopped.", default="1h", aliases=("timeout-minutes",)),
        Key("retry", RETRY_OR_COUNT, "Further attempts.", aliases=("retries",)),
        Key("priority", Whole(-100, 100), "Higher goes first when agents are short.", default="0"),
        Key("env", env_map(PER_JOB), "Environment variables of its steps.", aliases=("variables",)),
        Key("cache", CACHE, "Files kept between runs.", instead="remove it: each job fetches what it needs"),
        Key(
            "artifacts",
            ARTIFACTS,
            "Files kept of a run.",
            instead="write small values to $OUTPUT and read stages.<name>.outputs; build files where they are needed",
        ),
        Key(
            "reports",
            REPORTS,
            "Test and coverage reports.",
            instead="remove it: the log shows the tests, and their exit code decides",
        ),
        Key(
            "secrets",
            SECRETS,
            "Secrets, resolved at step start.",
            instead="let a step ask your secret store; no secret belongs into this file",
        ),
        Key("approval", APPROVAL, "People who must agree before the stage starts.", aliases=("approvals",)),
        Key(
            "environment",
            Either("an environment's name", scalar=ENVIRONMENT_TEXT, mapping=ENVIRONMENT),
            "Where it deploys to: sets `$ENVIRONMENT`, takes its lock and keeps to its rules.",
        ),
        Key("deploy", DEPLOY_OR_NAME, "A deployment by strategy, after the steps if there are any."),
        Key(
            "steps",
            ListOf(STEP, "steps", at_least=1, at_most=500),
            "What it does. Only a stage with `approval` (a gate) or `deploy` can do without.",
            aliases=("script", "run", "commands", "tasks"),
        ),
    ),
    "Stage",
    "A node of the DAG. Stages without an edge between them run in parallel.",
)
