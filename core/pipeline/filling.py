"""Values for the `${{ }}` of a plan: what is known at compile time is filled in, the rest waits for the Run.

What can't be had, or what comes out unfit for its place, is reported there.
"""

from collections.abc import Mapping
from typing import Any

from core.pipeline.engine import ExpressionError, compile_expression
from core.pipeline.expressions import Context, condition, condition_piece, evaluate_text, pieces, statuses
from core.pipeline.lexer import OPENING
from core.pipeline.plan import Status
from core.pipeline.positions import place_in
from core.pipeline.report import Report
from core.pipeline.values import Condition, Template

EXPRESSION_VARIABLE = "SEALANE_EXPR_"


class Filler:
    """Fills in what is known; `values` include the job's matrix."""

    def __init__(self, values: Mapping[str, Any], report: Report) -> None:
        self._context = Context(values)
        self._report = report

    def text(self, template: Template) -> str:
        if OPENING not in template.text:
            return template.text
        result = self._filled(template.text, template)
        if not _waits(template.text) and (problem := template.kind.problem(result)):
            self._report.add(template.node, template.kind.code, problem, template.path)
        return result

    def kept(self, template: Template) -> str:
        """The same for a place that the Run fills in once more: what is known by now is final."""
        return self.text(template) if _waits(template.text) else final(self.text(template))

    def script(self, template: Template | None) -> tuple[str | None, dict[str, str]]:
        """The script with each expression replaced by a variable, and those variables."""
        if template is None:
            return None, {}
        parts: list[str] = []
        variables: dict[str, str] = {}
        for piece in pieces(template.text):
            if not piece.is_expression:
                parts.append(piece.text)
                continue
            variable = f"{EXPRESSION_VARIABLE}{len(variables) + 1}"
            whole = _whole(piece.text)
            value = self._filled(whole, template, piece.inside - whole.index(piece.text))
            variables[variable] = value if _waits(whole) else final(value)
            parts.append(f"${{{variable}}}")
        return "".join(parts), variables

    def when(self, given: Condition | None) -> tuple[tuple[Status, ...], str | None]:
        """The statuses under which a step runs, or the condition where earlier stages must be asked."""
        if given is None:
            return ("success",), None
        if "stages" in condition(given.text).roots:
            return ("success",), given.text
        try:
            return statuses(given.text, self._context.values), None
        except ExpressionError as error:
            self._say(given, error, condition_piece(given.text).inside)
            return (), None

    def _filled(self, text: str, place: Template, start: int = 0) -> str:
        """`text` begins at `start` of the place."""
        try:
            if not _waits(text):
                return evaluate_text(text, self._context)
            return "".join(self._piece(piece.text, piece.is_expression) for piece in pieces(text))
        except ExpressionError as error:
            self._say(place, error, start)
            return ""

    def _piece(self, text: str, is_expression: bool) -> str:
        """Only the matrix, which the file itself wrote, is filled in before the rest is known."""
        if not is_expression:
            return text
        only_matrix = compile_expression(text).roots == {"matrix"}
        return evaluate_text(_whole(text), self._context) if only_matrix else _whole(text)

    def _say(self, place: Template | Condition, error: ExpressionError, start: int) -> None:
        line, column = place_in(place.node, start + error.offset)
        self._report.at(line, column, error.code, error.message, place.path, error.suggestion)


def _whole(expression: str) -> str:
    return f"{OPENING} {expression} }}}}"


def final(text: str) -> str:
    """A text that evaluates to itself: a branch may be called `${{commit}}`, and stays called so."""
    return text.replace(OPENING, f"{OPENING} '$' + '{{{{' }}}}")


def _waits(text: str) -> bool:
    """Whether some expression names results of earlier stages."""
    return any(piece.is_expression and "stages" in compile_expression(piece.text).roots for piece in pieces(text))
