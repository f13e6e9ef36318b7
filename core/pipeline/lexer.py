"""Finds `${{ }}` in text and the words of an expression: enough to bound it and to see what it names.

CEL itself is parsed by the library; this only has to know where strings begin and end.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

OPENING = "${{"
MAX_EXPRESSION = 1_000

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<triple>[rRbB]{0,2}(?:'''|\"\"\"))
  | (?P<string>[rR](?:'[^'\n]*'|"[^"\n]*")|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
  | (?P<number>\.?[0-9][0-9A-Za-z_.]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|[xX]([0-9a-fA-F]{2})|([0-7]{3})|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Token(NamedTuple):
    kind: str
    text: str
    offset: int


class LexError(Exception):
    """Text that can't be an expression; `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: either literal, or the inside of one `${{ }}`.

    `offset` is where it begins in the text (the `${{` included), `inside` where `text` does.
    """

    text: str
    is_expression: bool
    offset: int
    inside: int


def split(text: str) -> tuple[Piece, ...]:
    """The literals and expressions of a text, in order. Raises LexError where a `${{` is never closed."""
    pieces: list[Piece] = []
    position = 0
    while (start := text.find(OPENING, position)) >= 0:
        if start > position:
            pieces.append(Piece(text[position:start], False, position, position))
        inside = start + len(OPENING)
        end = _closing(text, inside)
        stripped = text[inside:end].strip()
        pieces.append(Piece(stripped, True, start, text.find(stripped, inside)))
        position = end + 2
    if position < len(text):
        pieces.append(Piece(text[position:], False, position, position))
    return tuple(pieces)


def _closing(text: str, position: int) -> int:
    """Where the `}}` stands that ends the expression: not one in a string, nor one that closes a map."""
    start, depth = position, 0
    end = min(len(text), start + MAX_EXPRESSION + 2)
    while position < end:
        if not depth and text.startswith("}}", position):
            return position
        found = _TOKEN.match(text, position, end)
        if found is None:
            position += 1
            continue
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        position = found.end()
    reason = "never closed by '}}'" if end == len(text) else f"not closed within {MAX_EXPRESSION:,} characters"
    raise LexError(f"'${{{{' is {reason}", start - len(OPENING))


def tokens(text: str) -> tuple[Token, ...]:
    """The words of one expression, without spaces. Raises LexError for what is no part of the language."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise LexError(_why_not(text, position), position)
        kind = match.lastgroup or ""
        if kind == "triple":
            raise LexError("triple quotes are not part of the expression language", position)
        if kind != "space":
            found.append(Token(kind, match[0], position))
        position = match.end()
    return tuple(found)


def _why_not(text: str, position: int) -> str:
    match text[position]:
        case "'" | '"':
            return "a quote is never closed"
        case "&" | "|":
            return f"'{text[position]}' is not an operator; write '{text[position] * 2}'"
        case "=":
            return "'=' is not an operator; write '=='"
        case character:
            return f"unexpected character {character!r}"


def string_value(literal: str) -> str:
    """The text that a string literal stands for."""
    if literal[0] in "rR":
        return literal[2:-1]
    return _ESCAPE.sub(_unescape, literal[1:-1])


def _unescape(match: re.Match[str]) -> str:
    for group, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
        if match[group]:
            code = int(match[group], base)
            return chr(code) if code < 0x110000 else ""
    return _SIMPLE.get(match[5], match[5])
