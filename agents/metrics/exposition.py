"""Reads what an instance says at /metrics, as far as the built-in metrics need it.

Only the lines of those families are parsed: an instance may have thousands of others, and is asked every few seconds.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from core.analysis.queries import DURATION_BUCKETS, REQUESTS_TOTAL, RESIDENT_MEMORY

START_TIME = "process_start_time_seconds"
MAX_SERIES = 10_000
_FAMILIES = (REQUESTS_TOTAL, DURATION_BUCKETS, RESIDENT_MEMORY, START_TIME)
_WANTED = re.compile(rf"(?:{'|'.join(_FAMILIES)})[{{ \t]")
_ANY_SAMPLE = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?:\{.*\})?[ \t]+(?:[-+.]?[0-9]|[-+]?Inf|NaN)")


class NotMetrics(ValueError):
    """What was answered is not the text format of Prometheus; the text says what is wrong."""


class Counter(NamedTuple):
    """`family` of the instance, all series with one `label` (the status, or the bucket's bound) added up: the counters
    of one process begin anew together, so they may be added before their growth is looked at."""

    family: str
    label: str


class Page(NamedTuple):
    """One scrape. `started_at` is Unix time, where the instance says when it was started."""

    counters: dict[Counter, float]
    memory: float | None = None
    started_at: float | None = None


def read_page(text: str) -> Page:
    """Raises NotMetrics."""
    lines = text.splitlines()
    wanted = [line for line in lines if _WANTED.match(line)]
    if not wanted and not _is_exposition(lines):
        raise NotMetrics("it is not in the text format of Prometheus")
    if len(wanted) > MAX_SERIES:
        raise NotMetrics(f"it has {len(wanted)} series of the families that are read (at most {MAX_SERIES})")
    counters: dict[Counter, float] = {}
    single: dict[str, float] = {}
    for name, labels, value in _samples(wanted):
        if name in (RESIDENT_MEMORY, START_TIME):
            single[name] = value
        else:
            counter = Counter(name, labels.get("status" if name == REQUESTS_TOTAL else "le", ""))
            counters[counter] = counters.get(counter, 0.0) + value
    return Page(counters, single.get(RESIDENT_MEMORY), single.get(START_TIME))


def _samples(lines: list[str]) -> Iterator[tuple[str, dict[str, str], float]]:
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for sample in family.samples:
                if not math.isfinite(sample.value):
                    raise NotMetrics(f"{sample.name} is {sample.value}")
                yield sample.name, sample.labels, float(sample.value)
    except (ValueError, IndexError, KeyError) as error:
        raise NotMetrics(f"it can't be parsed: {error}") from error


def _is_exposition(lines: list[str]) -> bool:
    """Comments and samples only; an empty page is one too."""
    said = [line for line in lines[:20] if line.strip()]
    return all(line.startswith("#") or _ANY_SAMPLE.match(line) for line in said)
