"""Checks of every `${{ }}` and `if`: its syntax, what it names, and whether that exists where it stands."""

from collections.abc import Iterator

from core.pipeline.checks import Graph, check_document, stage_name
from core.pipeline.dag import upstream
from core.pipeline.engine import Expression, ExpressionError, compile_expression
from core.pipeline.expressions import condition, pieces
from core.pipeline.lexer import OPENING
from core.pipeline.matrix import Matrix
from core.pipeline.nodes import code, quoted
from core.pipeline.references import Reference
from core.pipeline.report import Report, did_you_mean
from core.pipeline.values import Condition, Section, Template, expressions_in
from core.pipeline.vocabulary import FIXED_KEYS

Place = Template | Condition


def check_everything(root: Section, report: Report) -> None:
    """All checks that look beyond a single value: structure first, then expressions."""
    ExpressionChecks(root, check_document(root, report), report).run()


class ExpressionChecks:
    """`inputs`, `env`: what the file declares; `graph`: which stages lie before which."""

    def __init__(self, root: Section, graph: Graph, report: Report) -> None:
        self._root = root
        self._graph = graph
        self._report = report
        trigger = root.get("trigger")
        manual = trigger.get("manual") if isinstance(trigger, Section) else None
        self._inputs = list(manual.get("inputs", {})) if isinstance(manual, Section) else []
        defaults = root.get("defaults")
        self._env = [*root.get("env", {}), *(defaults.get("env", {}) if isinstance(defaults, Section) else {})]

    def run(self) -> None:
        for key, value in self._root.values.items():
            if key != "stages":
                for place in expressions_in(value):
                    self._check(place, (), None)
        for stage in self._root.get("stages", []):
            name = stage_name(stage)
            before = tuple(upstream(self._graph, [name])) if name in self._graph else ()
            matrix = stage.get("matrix")
            keys = matrix.keys if isinstance(matrix, Matrix) else None
            for place in expressions_in(stage):
                self._check(place, before, keys)

    def _check(self, place: Place, before: tuple[str, ...], matrix: list[str] | None) -> None:
        try:
            for expression in _compiled(place):
                for reference in expression.references:
                    self._check_reference(place, reference, before, matrix)
                if {"stages", "matrix"} <= expression.roots:
                    message = (
                        f"{code(expression.text)} names both 'stages' and 'matrix', which are known at other times"
                    )
                    self._say(place, "mixed-expression", message, "put one of them into an environment variable")
                if expression.asks_status and isinstance(place, Template):
                    message = f"{code(expression.text)}: status functions belong into 'if'"
                    self._say(place, "status-outside-if", message, "use stages.<name>.outcome")
        except ExpressionError as error:
            self._say(place, error.code, error.message, error.suggestion)

    def _check_reference(
        self, place: Place, reference: Reference, before: tuple[str, ...], matrix: list[str] | None
    ) -> None:
        root, path = reference.root, reference.path
        if root not in place.contexts:
            known = sorted(place.contexts)
            hint = did_you_mean(root, known) or f"known here: {', '.join(known)}"
            self._say(place, "unknown-value", f"unknown value {quoted(root)} in an expression", hint)
        elif root == "stages":
            self._check_stage(place, path, before)
        elif root == "matrix":
            self._check_name(place, "matrix", path, matrix or [], "this stage's matrix has no axis")
        elif root == "inputs":
            self._check_name(place, "inputs", path, self._inputs, "trigger.manual.inputs has no input")
        elif root == "env":
            self._check_name(place, "env", path, self._env, "the pipeline's env has no variable")
        elif root in FIXED_KEYS:
            self._check_name(place, root, path, list(FIXED_KEYS[root]), f"'{root}' has no")

    def _check_name(self, place: Place, root: str, path: tuple[str, ...], known: list[str], words: str) -> None:
        if path and path[0] not in known:
            self._say(place, "unknown-value", f"{words} {quoted(path[0])}", did_you_mean(path[0], known))

    def _check_stage(self, place: Place, path: tuple[str, ...], before: tuple[str, ...]) -> None:
        if not path:
            self._say(place, "unknown-value", "'stages' is followed by a stage's name: stages.build.outcome", "")
            return
        if path[0] not in self._graph:
            hint = did_you_mean(path[0], self._graph)
            self._say(
                place, "unknown-stage", f"unknown stage {quoted(path[0])} in an expression; {hint}".rstrip("; "), hint
            )
        elif path[0] not in before:
            message = f"stage '{path[0]}' does not come before this one, so its results are not known"
            self._say(place, "stage-not-needed", message, f"add '{path[0]}' to needs")
        if len(path) > 1 and path[1] not in ("outcome", "outputs"):
            hint = did_you_mean(path[1], ("outcome", "outputs")) or "a stage has 'outcome' and 'outputs'"
            self._say(place, "unknown-value", f"a stage has no {quoted(path[1])}", hint)

    def _say(self, place: Place, problem: str, message: str, suggestion: str) -> None:
        self._report.add(place.node, problem, message, place.path, suggestion)


def _compiled(place: Place) -> Iterator[Expression]:
    """Raises ExpressionError at the first that is wrong."""
    if isinstance(place, Condition):
        yield condition(place.text)
    elif OPENING in place.text:
        for piece in pieces(place.text):
            if piece.is_expression:
                yield compile_expression(piece.text)
