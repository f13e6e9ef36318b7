"""Checks of every `${{ }}` and `if`: its syntax, what it names, whether that exists where it stands, its types."""

from collections.abc import Iterator
from typing import Final

from core.pipeline.checks import check_document
from core.pipeline.deploying import Environments
from core.pipeline.engine import Expression, ExpressionError, compile_expression
from core.pipeline.expression_types import is_number, mistakes
from core.pipeline.expressions import condition_piece, pieces
from core.pipeline.lexer import OPENING, Piece
from core.pipeline.nodes import code
from core.pipeline.positions import place_in
from core.pipeline.report import Report
from core.pipeline.scope import Scope, Scopes
from core.pipeline.scripts import hazards
from core.pipeline.values import Condition, Section, Template, expressions_in

Place = Template | Condition
# Each one in a script is a variable of its step.
MAX_EXPRESSIONS: Final = 100


def check_everything(root: Section, known: Environments | None, report: Report) -> None:
    """All checks that look beyond a single value: structure first, then expressions."""
    graph = check_document(root, known, report)
    scopes = Scopes(root, graph)
    for key, value in root.values.items():
        if key != "stages":
            _check_all(value, scopes.of_the_run(), report)
    for stage in root.get("stages", []):
        scope = scopes.of_stage(stage)
        _check_all(stage, scope, report)
        for step in stage.get("steps", []):
            if isinstance(script := step.get("run"), Template):
                _PlaceCheck(script, scope, report).script()


def _check_all(value: object, scope: Scope, report: Report) -> None:
    for place in expressions_in(value):
        _PlaceCheck(place, scope, report).run()


class _PlaceCheck:
    """One text or condition. Every expression in it is looked at, whatever is wrong with the others."""

    def __init__(self, place: Place, scope: Scope, report: Report) -> None:
        self._place = place
        self._scope = scope
        self._report = report

    def run(self) -> None:
        if isinstance(self._place, Template) and OPENING not in self._place.text:
            return
        if self._report.full:
            self._report.stop()
            return
        try:
            found = list(self._pieces())
        except ExpressionError as error:
            self._say(error.offset, error.code, error.message, error.suggestion)
            return
        if len(found) > MAX_EXPRESSIONS:
            message = f"a text has at most {MAX_EXPRESSIONS} expressions, this one has {len(found):,}"
            self._say(found[MAX_EXPRESSIONS].offset, "too-many-expressions", message, "put values into 'env:'")
            return
        for piece in found:
            try:
                self._check(compile_expression(piece.text), piece.inside)
            except ExpressionError as error:
                self._say(piece.inside + error.offset, error.code, error.message, error.suggestion)

    def script(self) -> None:
        """Where its expressions stand in the shell's eyes."""
        try:
            found = pieces(self._place.text)
        except ExpressionError:
            return
        for hazard in hazards(found, self._is_number):
            self._say(hazard.offset, hazard.code, hazard.message, hazard.suggestion)

    def _pieces(self) -> Iterator[Piece]:
        if isinstance(self._place, Condition):
            yield condition_piece(self._place.text)
        else:
            yield from (piece for piece in pieces(self._place.text) if piece.is_expression)

    def _check(self, expression: Expression, start: int) -> None:
        known = True
        for reference in expression.references:
            for slip in self._scope.slips(reference, self._place.contexts):
                self._say(start + reference.offset, slip.code, slip.message, slip.suggestion)
                known = False
        if {"stages", "matrix"} <= expression.roots:
            message = f"{code(expression.text)} names both 'stages' and 'matrix', which are known at other times"
            self._say(start, "mixed-expression", message, "put one of them into an environment variable")
        if expression.asks_status and isinstance(self._place, Template):
            message = f"{code(expression.text)}: status functions belong into 'if'"
            self._say(start, "status-outside-if", message, "use stages.<name>.outcome")
        elif known:
            for found in mistakes(expression, isinstance(self._place, Condition), self._scope.type_of):
                self._say(start + found.offset, found.code, found.message, found.suggestion)

    def _is_number(self, piece: Piece) -> bool:
        try:
            return is_number(compile_expression(piece.text), self._scope.type_of)
        except ExpressionError:
            # Reported already; nothing more is to be said of where it stands.
            return True

    def _say(self, offset: int, problem: str, message: str, suggestion: str) -> None:
        line, column = place_in(self._place.node, offset)
        self._report.at(line, column, problem, message, self._place.path, suggestion)
