"""Where a character of a value stands in the file, through quotes, escapes, folding and indentation.

`${{` can be written in only one way, so the nth of the value is the nth of what the author wrote; from there, or
from the start of the value, both texts are walked side by side.
"""

import re

from core.pipeline.lexer import OPENING
from core.pipeline.nodes import Scalar

# What libyaml counts as the end of a line.
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
# One character of a text in double quotes, or none where a line is continued.
_ESCAPE = re.compile(r"\\(?:(\r?\n[ \t]*)|x..|u.{4}|U.{8}|.)")


def place_in(scalar: Scalar, offset: int) -> tuple[int, int]:
    """Line and column of `scalar.text[offset]`; of the whole value where it can't be told."""
    before = scalar.text.count(OPENING, 0, offset + len(OPENING) - 1)
    start, index = 0, _beginning(scalar.raw)
    if before:
        if scalar.text.count(OPENING) != scalar.raw.count(OPENING, index):
            return scalar.line, scalar.column
        for _ in range(before):
            start, index = scalar.text.index(OPENING, start) + 1, scalar.raw.index(OPENING, index) + 1
        start, index = start - 1, index - 1
    return _line_and_column(scalar, _walk(scalar, start, index, offset))


def _beginning(raw: str) -> int:
    """Behind the quote, or behind the line that holds the `|` of a block."""
    if raw.startswith(("|", ">")):
        return raw.find("\n") + 1
    return int(raw.startswith(("'", '"')))


def _walk(scalar: Scalar, start: int, index: int, offset: int) -> int:
    """The index in `raw` of the character at `offset`, from a place that is known in both."""
    text, raw = scalar.text, scalar.raw
    escapes = raw.startswith('"')
    while index < len(raw):
        if escapes and (escape := _ESCAPE.match(raw, index)):
            if escape[1] is None and start == offset:
                break
            start, index = start + (escape[1] is None), escape.end()
        elif start < len(text) and raw[index] == text[start]:
            if start == offset:
                break
            start, index = start + 1, index + 1
        elif raw[index].isspace():
            index += 1
        elif start < min(offset, len(text)) and text[start].isspace():
            start += 1
        elif start >= offset:
            break
        else:
            # The second of two single quotes that stand for one.
            index += 1
    return index


def _line_and_column(scalar: Scalar, index: int) -> tuple[int, int]:
    lines = _BREAK.split(scalar.raw[:index])
    return scalar.line + len(lines) - 1, len(lines[-1]) + (1 if len(lines) > 1 else scalar.column)
