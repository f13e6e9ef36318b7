"""The kinds of single values in a pipeline file: each one reads a node, and describes itself for the JSON Schema.

The schema, the reference and the validator all come from these objects, so they can't drift apart.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from core.pipeline.lexer import OPENING
from core.pipeline.nodes import Node, Scalar, describe, quoted
from core.pipeline.report import Report, did_you_mean
from core.pipeline.values import Condition, Name, Template

MAX_TEXT: Final = 10_000
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}", re.ASCII)


class _Invalid:
    """The value could not be read; the reason is in the report."""


INVALID: Final = _Invalid()


class Kind(Protocol):
    """`label` is its name in the reference. `read` answers with a value or INVALID, and never raises."""

    @property
    def label(self) -> str: ...

    def read(self, node: Node, path: str, report: Report) -> Any: ...

    def schema(self) -> dict[str, Any]: ...


def wrong_type(node: Node, path: str, report: Report, expected: str, suggestion: str = "") -> Any:
    """Reports what was found where something else belongs."""
    if isinstance(node, Scalar) and node.is_null:
        report.add(node, "empty-value", f"the value is missing; {expected} belongs here", path, suggestion)
    else:
        report.add(node, "wrong-type", f"{expected} belongs here, not {describe(node)}", path, suggestion)
    return INVALID


def text_of(node: Node, path: str, report: Report, expected: str) -> str | None:
    """The text of a scalar that is not empty by omission, free of NUL; None (and reported) otherwise."""
    if not isinstance(node, Scalar) or node.is_null:
        wrong_type(node, path, report, expected)
        return None
    if "\0" in node.text:
        report.add(node, "bad-character", "a NUL character can't be part of a value", path)
        return None
    return node.text


@dataclass(frozen=True)
class Text:
    """Any text. With `contexts` it may hold expressions, which name only these values."""

    contexts: frozenset[str] | None = None
    max_length: int = MAX_TEXT
    pattern: str = ""
    what: str = "text"
    code: str = "bad-text"
    may_be_empty: bool = True

    @property
    def label(self) -> str:
        return self.what if self.contexts is None else f"{self.what} with `${{{{ }}}}`"

    def read(self, node: Node, path: str, report: Report) -> Any:
        text = text_of(node, path, report, self.what)
        if text is None:
            return INVALID
        dynamic = OPENING in text
        if dynamic and self.contexts is None:
            report.add(node, "expression-not-allowed", f"'${{{{ }}}}' can't be used here; {self.what} is fixed", path)
            return INVALID
        if not dynamic and (problem := self.problem(text)):
            report.add(node, self.code, problem, path)
            return INVALID
        if self.contexts is None:
            return text
        assert isinstance(node, Scalar)
        return Template(text, node, path, self.contexts, self)

    def problem(self, text: str) -> str:
        """Why the text is refused; empty when it is not."""
        if len(text) > self.max_length:
            return f"{self.what} has {len(text):,} characters, at most {self.max_length:,} are allowed"
        if not text and not self.may_be_empty:
            return f"{self.what} must not be empty"
        if self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            return f"{quoted(text)} is not {self.what}"
        return ""

    def schema(self) -> dict[str, Any]:
        if self.pattern:
            pattern = f"^(?:{self.pattern})$"
            if self.contexts is not None:
                pattern = rf"{pattern}|\$\{{\{{"
            return {"type": ["string", "number"], "pattern": pattern}
        scalar: dict[str, Any] = {"type": ["string", "number", "boolean"], "maxLength": self.max_length}
        return scalar if self.may_be_empty else scalar | {"minLength": 1}


@dataclass(frozen=True)
class Word:
    """A name of a limited alphabet, kept with its place."""

    what: str
    pattern: str
    code: str
    hint: str
    max_length: int = 64

    @property
    def label(self) -> str:
        return self.what

    def read(self, node: Node, path: str, report: Report) -> Any:
        text = text_of(node, path, report, self.what)
        if text is None or not isinstance(node, Scalar):
            return INVALID
        if len(text) > self.max_length or not re.fullmatch(self.pattern, text, re.ASCII):
            report.add(node, self.code, f"{quoted(text)} is not {self.what}: {self.hint}", path)
            return INVALID
        return Name(text, node, path)

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number"], "pattern": f"^(?:{self.pattern})$", "maxLength": self.max_length}


@dataclass(frozen=True)
class Parsed:
    """A text that a parser of scalars.py understands, within bounds."""

    what: str
    parse: Callable[[str], Any]
    code: str
    pattern: str
    low: float | None = None
    high: float | None = None
    show: Callable[[Any], str] = str

    @property
    def label(self) -> str:
        return self.what

    def read(self, node: Node, path: str, report: Report) -> Any:
        text = text_of(node, path, report, f"a {self.what}")
        if text is None:
            return INVALID
        try:
            value = self.parse(text)
        except ValueError as error:
            report.add(node, self.code, f"{quoted(text)}: {error}", path)
            return INVALID
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            bounds = f"{self.show(self.low)} to {self.show(self.high)}"
            report.add(node, self.code, f"{quoted(text)} is out of bounds; a {self.what} of {bounds} is allowed", path)
            return INVALID
        return text if value is None else value

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number"], "pattern": self.pattern}


@dataclass(frozen=True)
class Flag:
    """true or false, and no other spelling."""

    label: str = "true or false"

    def read(self, node: Node, path: str, report: Report) -> Any:
        if isinstance(node, Scalar) and node.plain and node.text in _TRUE + _FALSE:
            return node.text in _TRUE
        meant = node.text.lower() if isinstance(node, Scalar) else ""
        meant = _YES_NO.get(meant, meant if meant in ("true", "false") else "")
        return wrong_type(node, path, report, "true or false", f"write {meant} without quotes" if meant else "")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds."""

    low: int
    high: int

    @property
    def label(self) -> str:
        return f"whole number, {self.low} to {self.high}"

    def read(self, node: Node, path: str, report: Report) -> Any:
        expected = f"a whole number from {self.low} to {self.high}"
        if not isinstance(node, Scalar) or not node.plain or not _INTEGER.fullmatch(node.text):
            quotes = isinstance(node, Scalar) and not node.plain and _INTEGER.fullmatch(node.text)
            return wrong_type(node, path, report, expected, "write it without quotes" if quotes else "")
        value = int(node.text)
        if not self.low <= value <= self.high:
            report.add(node, "out-of-bounds", f"{value} is out of bounds; {expected} belongs here", path)
            return INVALID
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    what: str
    words: tuple[str, ...]
    code: str = "unknown-word"

    @property
    def label(self) -> str:
        return " or ".join(f"`{word}`" for word in self.words)

    def read(self, node: Node, path: str, report: Report) -> Any:
        listed = ", ".join(self.words)
        text = text_of(node, path, report, f"{self.what} (one of {listed})")
        if text is None or not isinstance(node, Scalar):
            return INVALID
        if text in self.words:
            return text
        hint = did_you_mean(text, self.words) or f"write one of: {listed}"
        report.add(node, self.code, f"unknown {self.what} {quoted(text)}; {hint}", path, hint)
        return INVALID

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class If:
    """A condition."""

    contexts: frozenset[str]
    label: str = "condition"

    def read(self, node: Node, path: str, report: Report) -> Any:
        text = text_of(node, path, report, "a condition")
        if text is None or not isinstance(node, Scalar):
            return INVALID
        return Condition(text, node, path, self.contexts)

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "boolean"], "minLength": 1}
