"""Values from outside in a `run` script: they come as variables, and only where a shell replaces those by text."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from core.pipeline.lexer import Piece
from core.pipeline.nodes import code
from core.pipeline.shell_quoting import MARK, Situation, situations

_BY_ENV = "or set it in 'env:' and let the program read that variable"
_REASONS: Final[dict[Situation, tuple[str, str, str]]] = {
    "single": (
        "expression-not-replaced",
        "becomes a variable, and between single quotes a shell replaces none",
        f"use double quotes, {_BY_ENV}",
    ),
    "escaped": (
        "expression-not-replaced",
        "becomes a variable, which the backslash before it keeps from being replaced",
        "remove the backslash",
    ),
    "quoted-heredoc": (
        "expression-not-replaced",
        "becomes a variable, and a here-document with a quoted delimiter replaces none",
        f"write the delimiter without quotes, {_BY_ENV}",
    ),
    "arithmetic": (
        "expression-evaluated",
        "is a text that a shell evaluates here as arithmetic, which can run commands",
        "make it a number: ${{ int(...) }}",
    ),
}


class Hazard(NamedTuple):
    """`offset` counts characters from the start of the script."""

    code: str
    message: str
    offset: int
    suggestion: str


def hazards(pieces: tuple[Piece, ...], is_number: Callable[[Piece], bool]) -> Iterator[Hazard]:
    """The expressions of a script that a shell would not replace, or would evaluate."""
    expressions = [piece for piece in pieces if piece.is_expression]
    if not expressions:
        return
    script = "".join(MARK if piece.is_expression else piece.text for piece in pieces)
    for piece, situation in zip(expressions, situations(script), strict=True):
        if situation != "plain" and not (situation == "arithmetic" and is_number(piece)):
            problem, words, suggestion = _REASONS[situation]
            yield Hazard(problem, f"{code(piece.text)} {words}", piece.offset, suggestion)
