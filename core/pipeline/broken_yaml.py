"""Why a text is not YAML, in words for its author: libyaml says where it stopped, this says what to change."""

from typing import Any, NamedTuple

_UNQUOTED = "a text that holds ': ' or ends with ':' needs quotes; a list or mapping needs a line of its own"
_TABS = "a tab is used for indentation; YAML allows only spaces"
_INDENTATION = {"did not find expected '-' indicator", "did not find expected key"}


class Broken(NamedTuple):
    """`line` and `column` count from 1."""

    line: int
    column: int
    code: str
    message: str
    suggestion: str = ""


def broken(error: Any, text: str) -> Broken:
    """What a MarkedYAMLError means."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Broken(1, 1, "broken-yaml", f"not valid YAML: {error}")
    line, column = mark.line + 1, mark.column + 1
    if mark.index >= len(text):
        # At the end libyaml may be in a line that is not there.
        lines = text.splitlines() or [""]
        line, column = len(lines), len(lines[-1]) + 1
    if tab := _tab(text, line, column):
        return Broken(line, tab, "tab-indentation", _TABS, "use two spaces")
    if error.context_mark is not None and (never := _never_closed(error, text)):
        return never
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return Broken(line, column, "broken-yaml", *_explained(error, text[mark.index : mark.index + 1], reason))


def unreadable(error: Any, text: str) -> Broken:
    """What a ReaderError means: a character that no YAML may hold."""
    before = text[: error.position]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    character = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    hint = "remove it, or write it as an escape in double quotes" if character else "remove it"
    return Broken(line, column, "broken-yaml", f"character U+{character:04X} is not allowed in YAML", hint)


def _tab(text: str, line: int, column: int) -> int:
    """The column of the tab that indents the line, 0 where none does."""
    here = text.splitlines()[line - 1 : line] if "\t" in text else []
    indents = bool(here) and "\t" in here[0][: column + 1] and here[0].lstrip(" ").startswith("\t")
    return here[0].index("\t") + 1 if indents else 0


def _never_closed(error: Any, text: str) -> Broken | None:
    """The place that opens is worth more than the end of the file, where libyaml noticed."""
    opened = error.context_mark
    bracket = text[opened.index : opened.index + 1]
    at_end = not text[error.problem_mark.index :].strip()
    quoted = "quoted scalar" in str(error.context) and "unexpected" in str(error.problem)
    if not (quoted or (at_end and bracket in ("[", "{"))):
        return None
    message = f"not valid YAML: the {bracket} that opens here is never closed"
    return Broken(opened.line + 1, opened.column + 1, "broken-yaml", message, "close it")


def _explained(error: Any, character: str, reason: str) -> tuple[str, str]:
    problem = str(error.problem)
    if "cannot start any token" in problem:
        return f"not valid YAML: a value can't begin with {character}", "put the value in quotes"
    if problem.startswith("did not find expected alphabetic") and error.context:
        what = "an anchor" if "anchor" in error.context else "an alias"
        return f"not valid YAML: '{'&' if what == 'an anchor' else '*'}' begins {what}", "put the value in quotes"
    if problem.startswith("mapping values are not allowed"):
        return "not valid YAML: ': ' is not allowed here", _UNQUOTED
    if problem in _INDENTATION and error.context_mark is not None:
        line = error.context_mark.line + 1
        return f"not valid YAML: {reason}", f"the indentation does not fit what began in line {line}"
    return f"not valid YAML: {reason}", ""
