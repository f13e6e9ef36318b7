"""The whole language from the top: one description that the validator, the JSON Schema and the reference share."""

from typing import Final

from core.pipeline.kinds import Choice, Text
from core.pipeline.language_later import INCLUDE
from core.pipeline.language_stage import IMAGE, POOL_OR_NAME, RETRY_OR_COUNT, STAGE
from core.pipeline.language_step import SHELL
from core.pipeline.language_trigger import TRIGGER
from core.pipeline.shapes import Either, Key, ListOf, Record
from core.pipeline.vocabulary import RUN, SHORT, TIMEOUT, WITH_ENV, env_map

POLICIES: Final = ("queue", "cancel_running", "newest_only")
MAX_STAGES: Final = 4_000

_GROUP = Text(WITH_ENV, SHORT, what="a group", may_be_empty=False)
CONCURRENCY = Record(
    "'concurrency'",
    (
        Key("group", _GROUP, "Runs of one group run one after the other.", required=True),
        Key(
            "policy",
            Choice("concurrency policy", POLICIES, "unknown-policy"),
            "`queue` keeps all, in order; `cancel_running` stops the running one for a newer one; `newest_only` lets "
            "the running one end and keeps only the newest of those that wait. What is superseded says so.",
            default="`queue`",
            aliases=("cancel-in-progress", "cancel_in_progress"),
        ),
    ),
    "Concurrency",
    "How runs of this app get out of each other's way. `concurrency: deploy` is short for `{group: deploy}`. Groups "
    "belong to their app.",
)

DEFAULTS = Record(
    "'defaults'",
    (
        Key("image", IMAGE, "As in a stage."),
        Key("pool", POOL_OR_NAME, "As in a stage.", aliases=("runs-on",)),
        Key("timeout", TIMEOUT, "As in a stage.", aliases=("timeout-minutes",)),
        Key("retry", RETRY_OR_COUNT, "As in a stage."),
        Key("shell", SHELL, "As in a step."),
        Key("env", env_map(WITH_ENV), "Environment variables for every stage; they win over the top-level `env`."),
    ),
    "Defaults",
    "What holds for every stage that does not say otherwise.",
)

PIPELINE = Record(
    "the pipeline",
    (
        Key("name", Text(max_length=SHORT), "Shown everywhere.", default="the app's name"),
        Key("description", Text(max_length=2_000), "Shown beside the name."),
        Key("trigger", TRIGGER, "What starts a run.", default="every push", aliases=("on", "triggers", "when")),
        Key("env", env_map(RUN), "Environment variables for every stage.", aliases=("variables",)),
        Key("defaults", DEFAULTS, "What holds for every stage.", aliases=("default",)),
        Key(
            "concurrency",
            Either("a group, or {group, policy}", scalar=_GROUP, mapping=CONCURRENCY),
            "Runs that must not overlap.",
        ),
        Key(
            "include",
            INCLUDE,
            "Templates from this repository or another app.",
            instead="write the stages of the template into this file",
        ),
        Key(
            "stages",
            ListOf(STAGE, "stages", at_least=1, at_most=MAX_STAGES),
            "The nodes of the DAG.",
            required=True,
            aliases=("jobs", "pipeline", "steps"),
        ),
    ),
    "Pipeline",
    "The file `.pipeline.yml` at the root of the repository that is built.",
)
