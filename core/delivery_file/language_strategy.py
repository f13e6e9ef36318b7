"""The keys of `strategy`: how instances of a new release take the place of the old ones."""

from typing import Final

from core.delivery_file.kinds import AMOUNT, HEADER, TIME, WEIGHT, OneOf
from core.delivery_file.language_analysis import ANALYSIS
from core.pipeline.kinds import Flag, Text
from core.pipeline.language_deploy import STRATEGY_NAME
from core.pipeline.nodes import Node, Scalar
from core.pipeline.report import Report
from core.pipeline.shapes import Either, Key, ListOf, Record
from core.pipeline.vocabulary import SHORT

UNTIL_PROMOTED: Final = "manual"


class _Hold:
    """How long a step stays: a duration, or the word for "until somebody promotes"."""

    label = "duration, or `manual`"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, Scalar) and node.text == UNTIL_PROMOTED:
            return UNTIL_PROMOTED
        return TIME.read(node, path, report)

    def schema(self) -> dict[str, object]:
        return {"anyOf": [TIME.schema(), {"const": UNTIL_PROMOTED}]}


RECREATE = Record(
    "'recreate'", (), "Recreate", "Stop the old release, start the new one. Between them nothing answers."
)

ROLLING = Record(
    "'rolling'",
    (
        Key(
            "max_unavailable",
            AMOUNT,
            "How many instances fewer than there should be may be ready.",
            default="0",
            aliases=("max-unavailable", "maxUnavailable"),
        ),
        Key(
            "max_surge",
            AMOUNT,
            "How many instances more than there should be may run.",
            default="25%",
            aliases=("max-surge", "maxSurge"),
        ),
    ),
    "Rolling",
    "In batches; the next one when the last one is ready.",
)

BLUE_GREEN = Record(
    "'blue-green'",
    (
        Key("keep_old", TIME, "How long the old set stays after the switch.", default="5m", aliases=("keep-old",)),
        Key("manual", Flag(), "Whether the switch waits until somebody promotes.", default="false"),
    ),
    "Blue-green",
    "A full new set beside the old one, smoke tests against it, one switch. While the old set stays, going back is "
    "one switch too.",
)

CANARY_STEP = Record(
    "a canary step",
    (
        Key("weight", WEIGHT, "Percent of the requests.", required=True, aliases=("percent", "setWeight")),
        Key(
            "for",
            _Hold(),
            "How long it stays; `manual`: until somebody promotes. Only the step with 100 can do without.",
            aliases=("pause", "duration", "wait"),
        ),
    ),
    "Canary step",
    "A share of the requests, and for how long. `analysis` judges all the while.",
)

HEADER_ROUTE = Record(
    "a header route",
    (
        Key("header", HEADER, "The header.", required=True, aliases=("name",)),
        Key("value", Text(max_length=SHORT, may_be_empty=False), "Its value.", required=True),
    ),
    "Header route",
    "Requests with this header and value go to the new release from the first step on.",
)


CANARY = Record(
    "'canary'",
    (
        Key(
            "steps",
            ListOf(CANARY_STEP, "steps", at_least=1, at_most=50),
            "Growing weights; the last one has 100.",
            default="5% for 5m, 25% for 10m, 50% for 15m, 100%",
        ),
        Key("analysis", ANALYSIS, "As in the environment."),
        Key(
            "affinity",
            Flag(),
            "Whether a client that met the new release stays with it (a cookie).",
            default="false",
            aliases=("sticky",),
        ),
        Key(
            "headers",
            ListOf(HEADER_ROUTE, "header routes", single=True, at_most=20),
            "Who gets the new release from the first step on.",
        ),
        Key(
            "mirror",
            WEIGHT,
            "Percent of the requests that are also sent to the new release before it has any weight; the answers "
            "are thrown away.",
            default="0",
            aliases=("shadow",),
        ),
        Key(
            "baseline",
            Flag(),
            "Start as many new instances of the old release, to compare with.",
            default="whether a check compares",
        ),
    ),
    "Canary",
    "Steps of growing weight, judged by `analysis`; then the old release is removed.",
)


VARIANTS = Record(
    "a strategy",
    (
        Key("recreate", RECREATE, "Stop the old one, start the new one."),
        Key("rolling", ROLLING, "In batches.", aliases=("rollingUpdate", "rolling_update", "rolling-update")),
        Key("blue-green", BLUE_GREEN, "Beside the old one, then one switch.", aliases=("blue_green", "bluegreen")),
        Key("canary", CANARY, "Step by step."),
    ),
    "Strategy",
    "One of four. Its name alone means it with its defaults: `strategy: canary`.",
)
STRATEGY = Either("a strategy's name, or {<strategy>: {...}}", STRATEGY_NAME, None, OneOf(VARIANTS))
