"""The kinds of values that only `delivery.yml` has: shares of traffic, numbers of instances, limits, variants."""

import re
from dataclasses import dataclass
from typing import Any, Final

from core.environments.settings import Amount
from core.pipeline import scalars
from core.pipeline.kinds import INVALID, Parsed, Text, Word
from core.pipeline.nodes import Mapping, Node
from core.pipeline.report import Report
from core.pipeline.shapes import Record
from core.pipeline.values import Section

_AMOUNT = re.compile(r"(\d{1,4})(%?)", re.ASCII)
_WEIGHT = re.compile(r"(\d{1,9})%?", re.ASCII)
_NUMBER = re.compile(r"(-?\d{1,15}(?:\.\d{1,9})?)(%|ms|s)?", re.ASCII)
_EXPONENT = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?[eE][+-]?\d{1,2}", re.ASCII)
_DAY: Final = 86_400


def amount(text: str) -> Amount:
    """`2` instances, or `25%` of them."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError("a number of instances is written like 2, or as a share of all of them like 25%")
    if not found[2]:
        return Amount(count=int(found[1]))
    if int(found[1]) > 100:
        raise ValueError("no more than 100% of the instances can be meant")
    return Amount(percent=int(found[1]))


def weight(text: str) -> int:
    """A share of the requests in percent: `25` or `25%`."""
    found = _WEIGHT.fullmatch(text)
    if found is None:
        raise ValueError("a weight is a whole number of percent: 5, 25 or 100")
    return int(found[1])


def number(text: str) -> float:
    """`0.01` or `1%`; `0.5`, `500ms` or `0.5s`; `268435456` or `256Mi`; `1e-3`."""
    if found := _NUMBER.fullmatch(text):
        return float(found[1]) / {"%": 100, "ms": 1000}.get(found[2] or "", 1)
    if _EXPONENT.fullmatch(text):
        return float(text)
    try:
        return float(scalars.size_bytes(text))
    except ValueError:
        raise ValueError("a number is written like 0.01, 1%, 500ms, 2s or 256Mi") from None


def _duration(low: float, high: float) -> Parsed:
    pattern = r"^(\d+ms|\d+\.\d+s|\d+|(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$"
    return Parsed("duration", scalars.precise_seconds, "bad-duration", pattern, low, high, scalars.show_duration)


def bounded(what: str, low: float, high: float) -> Parsed:
    """A number, also as a percentage."""
    pattern = r"^-?\d+(\.\d+)?([eE][+-]?\d+|%|ms|s|[KMGT]i?B?)?$"
    return Parsed(what, number, "bad-number", pattern, low, high, lambda value: f"{value:g}")


SHORT_TIME: Final = _duration(0.1, 3600)
TIME: Final = _duration(0, 7 * _DAY)
SPAN: Final = _duration(1, 30 * _DAY)
AMOUNT: Final = Parsed("number of instances, or percentage", amount, "bad-amount", r"^\d+%?$")
# What passes 100 is told apart from what is no number at all.
WEIGHT: Final = Parsed("weight in percent", weight, "bad-weight", r"^(\d{1,2}|100)%?$")
NUMBER: Final = bounded("number", -1e15, 1e15)
APP_NAME: Final = Word(
    "an app's name", r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", "bad-name", "use small letters, digits, '-', '_' and '.'", 63
)
ENVIRONMENT_NAME: Final = Word(
    "an environment's name", r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "bad-name", "use small letters, digits and '-'", 40
)
CHECK_NAME: Final = Word(
    "a name",
    r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?",
    "bad-name",
    "use letters, digits, spaces, '.', '-' and '_'",
)
HTTP_PATH: Final = Text(None, 1_000, r"/[!-~]*", "a path that begins with '/'", "bad-path")
URL: Final = Text(None, 1_000, r"https?://[A-Za-z0-9\[][!-~]*", "a URL with http:// or https://", "bad-url")
HEADER: Final = Word("a header's name", r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "bad-name", "use letters, digits and '-'")
COMMAND: Final = Text(None, 20_000, what="a command", may_be_empty=False, code="empty-command")


@dataclass(frozen=True)
class OneOf:
    """A mapping with exactly one of the record's keys, each a variant with settings of its own."""

    record: Record

    @property
    def label(self) -> str:
        return self.record.label

    def read(self, node: Node, path: str, report: Report) -> Any:
        section = self.record.read(node, path, report)
        if not isinstance(section, Section) or not isinstance(node, Mapping):
            return INVALID
        names = [key.name for key in self.record.keys]
        if not node.keys:
            listed = ", ".join(names)
            report.add(node, "missing-key", f"{self.record.what} is one of: {listed}", path, f"add one of: {listed}")
        for name, key in list(node.keys.items())[1:]:
            if name in names:
                first = next(iter(node.keys))
                message = f"{self.record.what} is one thing: '{first}' or '{name}', not both"
                report.add(key, "conflicting-keys", message, section.path_of(name), "remove one of them")
        return section

    def schema(self) -> dict[str, Any]:
        return self.record.schema() | {"minProperties": 1, "maxProperties": 1}
