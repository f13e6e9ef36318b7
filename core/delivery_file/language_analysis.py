"""The keys of `analysis` and `probes`: what is measured of a new release, and what is still borne."""

from typing import Final

from core.analysis.queries import METRICS, VARIABLES
from core.delivery_file.kinds import CHECK_NAME, HEADER, HTTP_PATH, NUMBER, SHORT_TIME, TIME, URL, bounded
from core.pipeline.kinds import Choice, Flag, Text, Whole
from core.pipeline.shapes import Either, Key, ListOf, MapOf, Record

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WHEN: Final = ("before", "during", "after")

COMPARE = Record(
    "'compare'",
    (
        Key("worse", Choice("direction", ("higher", "lower")), "Which side is the bad one.", default="`higher`"),
        Key("alpha", bounded("probability", 0.0001, 0.5), "Significance of the test.", default="0.05"),
        Key("tolerance", bounded("share", 0, 100), "By how much the medians may differ.", default="10%"),
        Key("min_points", Whole(2, 1000), "Inconclusive until both sides have so many samples.", default="5"),
    ),
    "Compare",
    "Judge against the samples of the baseline: it fails where the new release is significantly worse (Mann-Whitney, "
    "one-sided) and the medians differ by more than `tolerance`. `compare: true` takes the defaults. It needs a "
    "canary, which then starts a `baseline`.",
)

BUDGET = Record(
    "'budget'",
    (
        Key("objective", bounded("share", 0, 0.999999), "The objective: `99.9%`.", required=True, aliases=("slo",)),
        Key("max_burn", bounded("number", 0.001, 1e6), "The burn rate that is still borne.", default="14.4"),
    ),
    "Budget",
    "Burn of the error budget: the ratio of errors over what the objective allows must not pass `max_burn` (14.4 burns "
    "2% of a 30-day budget in an hour).",
)

_LIMIT = Whole(0, 1000)
CHECK = Record(
    "a check",
    (
        Key("name", CHECK_NAME, "Unique in the environment.", default="the metric"),
        Key(
            "metric",
            Choice("metric", METRICS, "unknown-metric"),
            "What every source knows: a fraction, seconds, bytes, a count. Not together with `query`.",
        ),
        Key(
            "query",
            Text(None, 5_000, what="a query", may_be_empty=False),
            "PromQL with one number as its answer. "
            + ", ".join(f"`${name}`" for name in VARIABLES)
            + " are filled in.",
        ),
        Key("max", NUMBER, "Passes up to this: `0.01`, `1%`, `500ms`, `256Mi`.", aliases=("below", "less_than")),
        Key("min", NUMBER, "Passes from this on.", aliases=("above", "more_than")),
        Key("min_samples", Whole(0, 1_000_000_000), "Inconclusive with fewer requests in the window.", default="0"),
        Key("initial_delay", TIME, "Not judged before.", default="0s", aliases=("initial-delay",)),
        Key("failure_limit", _LIMIT, "So many failed samples are borne.", default="0", aliases=("failureLimit",)),
        Key("inconclusive_limit", _LIMIT, "So many inconclusive ones in a row are borne.", default="3"),
        Key("consecutive_error_limit", _LIMIT, "So many errors of the source in a row are borne.", default="4"),
        Key("compare", Either("true, or {worse, alpha, ...}", Flag(), None, COMPARE), "Judge against a baseline."),
        Key("budget", BUDGET, "Judge the burn of the error budget.", aliases=("burn", "slo")),
    ),
    "Check",
    "One thing to measure at every sample. No answer, NaN or too few requests are inconclusive, never a pass.",
)

ANALYSIS = Record(
    "'analysis'",
    (
        Key("checks", ListOf(CHECK, "checks", at_least=1, at_most=50), "What is judged.", aliases=("metrics",)),
        Key("interval", SHORT_TIME, "Time between samples.", default="30s"),
        Key("window", SHORT_TIME, "How far back a sample looks.", default="1m"),
        Key("timeout", SHORT_TIME, "A source that answers later counts as an error.", default="10s"),
        Key(
            "source", URL, "A Prometheus.", default="the platform's own scraper of `/metrics`", aliases=("prometheus",)
        ),
    ),
    "Analysis",
    "What is measured of the new release while it is rolled out, and while `watch` lasts. A breach rolls back; in the "
    "watch only a failed check is one.",
)

PROBE = Record(
    "a probe",
    (
        Key("name", CHECK_NAME, "Unique in the environment.", required=True),
        Key("path", HTTP_PATH, "What is asked for.", required=True, aliases=("url",)),
        Key(
            "when",
            ListOf(Choice("time", WHEN), "times", single=True, at_least=1, unique=True),
            "`before` the new release gets any traffic, `during` (with every sample), `after` it has all of it.",
            default="`before`",
        ),
        Key("method", Choice("method", METHODS), "How.", default="`GET`"),
        Key("headers", MapOf(HEADER, Text(max_length=2_000), "headers", at_most=50), "Sent with it."),
        Key("body", Text(max_length=10_000), "Sent with it."),
        Key("expect_status", Whole(100, 599), "The answer's status.", default="200", aliases=("status",)),
        Key("expect_text", Text(max_length=1_000), "What the answer holds somewhere.", aliases=("contains", "text")),
        Key("max_latency", SHORT_TIME, "The answer takes no longer."),
        Key("attempts", Whole(1, 100), "It fails when so many tries failed.", default="3", aliases=("retries",)),
        Key("timeout", SHORT_TIME, "Of each try.", default="5s"),
    ),
    "Probe",
    "A synthetic check: an HTTP request to each new instance, with what its answer must be.",
)
