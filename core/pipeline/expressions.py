"""`${{ }}` and `if`: CEL, sandboxed and bounded. Everything here is total: it answers or raises ExpressionError."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.pipeline.plan import Status


class ExpressionError(Exception):
    """An expression has no value. `code` is stable and kebab-case; `message` says what and where."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Context:
    """What an expression may see. `values` by name: plan.values plus `stages`: {name: {outcome, outputs}}.

    `status` is how things went so far: what success(), failure() and cancelled() tell.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    status: Status = "success"


def evaluate_text(text: str, context: Context) -> str:
    """The text with each `${{ }}` replaced by its value. Raises ExpressionError."""
    if "${{" in text:
        raise ExpressionError("not-built", "expressions follow")
    return text


def evaluate_condition(text: str | None, context: Context) -> bool:
    """The answer of an `if`; absent means success(). Raises ExpressionError."""
    if text:
        raise ExpressionError("not-built", "expressions follow")
    return context.status == "success"
