"""`${{ }}` and `if`: the values of expressions. Everything here is total: it answers or raises ExpressionError."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from core.pipeline.engine import Expression, ExpressionError, compile_expression, execute
from core.pipeline.lexer import OPENING, LexError, Piece, split
from core.pipeline.nodes import code
from core.pipeline.plan import Status

__all__ = ["Context", "ExpressionError", "evaluate_condition", "evaluate_text", "statuses"]

# An environment variable holds 128 KiB in all.
MAX_RESULT: Final = 64 * 1024
STATUSES: Final[tuple[Status, ...]] = ("success", "failure", "cancelled")


@dataclass(frozen=True)
class Context:
    """What an expression may see. `values` by name: plan.values plus `stages`: {name: {outcome, outputs}}.

    `status` is how things went so far: what success(), failure() and cancelled() tell.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    status: Status = "success"


def evaluate_text(text: str, context: Context) -> str:
    """The text with each `${{ }}` replaced by its value. Raises ExpressionError, counted from the text's start."""
    if OPENING not in text:
        return text
    result = "".join(_value(piece, context) for piece in pieces(text))
    if (size := len(result.encode("utf-8", "replace"))) > MAX_RESULT:
        raise ExpressionError("value-too-long", f"the value has {size:,} bytes, at most {MAX_RESULT:,} fit")
    return result


def evaluate_condition(text: str | None, context: Context) -> bool:
    """The answer of an `if`. Without a status function it also asks for success(). Raises ExpressionError."""
    if text is None:
        return context.status == "success"
    expression = condition(text)
    if not expression.asks_status and context.status != "success":
        return False
    return as_condition(run(expression, context), expression)


def statuses(text: str | None, values: Mapping[str, Any]) -> tuple[Status, ...]:
    """The statuses under which the condition holds: all there is to know once every other value is known."""
    return tuple(status for status in STATUSES if evaluate_condition(text, Context(values, status)))


@lru_cache(maxsize=2048)
def condition(text: str) -> Expression:
    """The compiled `if`, written with or without `${{ }}`. Raises ExpressionError."""
    return compile_expression(condition_piece(text).text)


def condition_piece(text: str) -> Piece:
    """The one expression that an `if` is, and where it stands. Raises ExpressionError."""
    if OPENING not in text:
        stripped = text.strip()
        return Piece(stripped, True, 0, text.find(stripped))
    parts = [piece for piece in pieces(text) if piece.is_expression or piece.text.strip()]
    if len(parts) != 1 or not parts[0].is_expression:
        message = "an 'if' is one expression; text around '${{ }}' would make it always true"
        raise ExpressionError("bad-expression", message, suggestion="leave the braces out: if: branch == 'main'")
    return parts[0]


@lru_cache(maxsize=2048)
def pieces(text: str) -> tuple[Piece, ...]:
    """The parts of a text. Raises ExpressionError where a `${{` is never closed."""
    try:
        return split(text)
    except LexError as error:
        raise ExpressionError("bad-expression", error.message, error.offset) from None


def _value(piece: Piece, context: Context) -> str:
    if not piece.is_expression:
        return piece.text
    try:
        return as_text(run(compile_expression(piece.text), context), piece.text)
    except ExpressionError as error:
        raise error.moved(piece.inside) from None


def run(expression: Expression, context: Context) -> Any:
    """The value of a compiled expression. Raises ExpressionError."""
    status = context.status
    functions = {
        "success": lambda: status == "success",
        "failure": lambda: status == "failure",
        "cancelled": lambda: status == "cancelled",
        "always": lambda: True,
    }
    return execute(expression, context.values, functions)


def as_condition(value: Any, expression: Expression) -> bool:
    """The answer of an `if`, which must be one. Raises ExpressionError."""
    if not isinstance(value, bool):
        message = f"{code(expression.text)} is {_type_of(value)}, not true or false"
        raise ExpressionError("not-a-condition", message, suggestion="compare it, for example with == or !=")
    return value


def as_text(value: Any, expression: str) -> str:
    """How a value reads inside a text: true, 3, 1.5; null is empty; lists and maps have no text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case None:
            return ""
    raise ExpressionError("not-text", f"{code(expression)} is {_type_of(value)}, which has no text")


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case None:
            return "nothing"
        case dict():
            return "a map"
        case list():
            return "a list"
    return f"a {type(value).__name__}"
