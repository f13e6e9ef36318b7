"""PromQL of checks: what a built-in metric means, and how $variables get into a query without changing its meaning.

A variable within a string literal is escaped as its text (and as a regular expression, where the matcher is one);
outside of one a name becomes a whole string literal. $window is a duration and stands as it is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

# Text except `window`. `set` is the set's name, which tells the baseline from the rest of its release.
VARIABLES = ("version", "baseline", "set", "app", "environment", "region", "window")
METRICS = ("error-rate", "latency-p50", "latency-p90", "latency-p95", "latency-p99", "memory", "requests")
REQUESTS_TOTAL = "http_requests_total"
DURATION_BUCKETS = "http_request_duration_seconds_bucket"
RESIDENT_MEMORY = "process_resident_memory_bytes"

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
# An absent label is the empty text, so the labels that only Sealane's own scrape configuration adds may be missing.
_LABELS = 'version="$version", set=~"|$set", app=~"|$app", environment=~"|$environment", region=~"|$region"'


class QueryError(ValueError):
    """A query that can't be filled in; the text says why."""


class _Piece(NamedTuple):
    """Some of a query: code (`quote` empty), or what is between two quotes; `regex`: it is one's right-hand side."""

    text: str
    quote: str
    regex: bool = False


def builtin(metric: str) -> str:
    """The query of a built-in metric. Raises QueryError for an unknown one."""
    everything = f"sum(rate({REQUESTS_TOTAL}{{{_LABELS}}}[$window]))"
    match metric:
        case "error-rate":
            # Without `or vector(0)` a version that never failed would have no error rate at all.
            failed = f'sum(rate({REQUESTS_TOTAL}{{{_LABELS}, status=~"5.."}}[$window])) or vector(0)'
            return f"({failed}) / {everything}"
        case "requests":
            return f"sum(increase({REQUESTS_TOTAL}{{{_LABELS}}}[$window]))"
        case "memory":
            return f"max({RESIDENT_MEMORY}{{{_LABELS}}})"
        case "latency-p50" | "latency-p90" | "latency-p95" | "latency-p99":
            quantile = quantile_of(metric)
            return f"histogram_quantile({quantile}, sum by (le) (rate({DURATION_BUCKETS}{{{_LABELS}}}[$window])))"
    raise QueryError(f"unknown metric '{metric}' (there are {', '.join(METRICS)})")


def quantile_of(metric: str) -> float:
    """0.99 of `latency-p99`."""
    return int(metric.removeprefix("latency-p")) / 100


def requests_so_far() -> str:
    """The query of all requests a version has had since its instances were started."""
    return f"sum({REQUESTS_TOTAL}{{{_LABELS}}})"


def variables_of(query: str) -> frozenset[str]:
    """The names that `query` asks for. Raises QueryError for an unknown one."""
    names = {found.group(1) or found.group(2) for found in _VARIABLE.finditer(query)}
    unknown = sorted(names - set(VARIABLES))
    if unknown:
        raise QueryError(f"unknown variable ${unknown[0]} in the query (there are {_listed()})")
    return frozenset(names)


def fill(query: str, values: Mapping[str, str]) -> str:
    """`query` with its variables' values. Raises QueryError where that can't be done safely."""
    variables_of(query)
    return "".join(_filled(piece, values) for piece in _pieces(query))


def duration(seconds: float) -> str:
    """PromQL has whole numbers only: `60s`, `1500ms`."""
    milliseconds = max(1, round(seconds * 1000))
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def _filled(piece: _Piece, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found.group(1) or found.group(2)
        text = values.get(name, "")
        if name == "window":
            return text
        if not piece.quote:
            return f'"{_escaped(text)}"'
        text = re.escape(text) if piece.regex else text
        return _raw(name, text) if piece.quote == "`" else _escaped(text)

    return _VARIABLE.sub(value, piece.text)


def _escaped(text: str) -> str:
    """Right within both kinds of quotes: PromQL refuses an escaped quote of the other kind, but knows \\x27."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', "\\x22").replace("'", "\\x27")


def _raw(name: str, text: str) -> str:
    if "`" in text:
        raise QueryError(f'${name} has a ` in it, which can\'t stand between backticks: use "${name}"')
    return text


def _pieces(query: str) -> Iterator[_Piece]:
    """The query in order, without its comments."""
    start = position = 0
    while position < len(query):
        if query[position] == "#":
            end = query.find("\n", position)
            yield _Piece(query[start:position], "")
            start = position = len(query) if end < 0 else end
        elif query[position] in "\"'`":
            code = query[start:position]
            end = _end_of_literal(query, position)
            yield _Piece(code + query[position], "")
            yield _Piece(query[position + 1 : end], query[position], code.rstrip().endswith(("=~", "!~")))
            start, position = end, end + 1
        else:
            position += 1
    yield _Piece(query[start:], "")


def _end_of_literal(query: str, start: int) -> int:
    quote, position = query[start], start + 1
    while position < len(query) and query[position] != quote:
        position += 2 if query[position] == "\\" and quote != "`" else 1
    if position >= len(query):
        raise QueryError(f"a string that begins at character {start + 1} of the query has no end")
    return position


def _listed() -> str:
    return ", ".join(f"${name}" for name in VARIABLES)
