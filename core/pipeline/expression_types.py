"""Types of expressions before any value is known: each value has one type, whatever a run brings.

Operators and functions are tried out on sample values of the right types; `==` between different types, which
the language answers with a silent "no", is found by looking at both sides.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from core.pipeline.engine import Expression, ExpressionError
from core.pipeline.expressions import Context, as_condition, as_text, run
from core.pipeline.lexer import Token, tokens
from core.pipeline.nodes import code
from core.pipeline.plan import Status
from core.pipeline.references import Reference

Type = Literal["text", "number", "true or false"]
TypeOf = Callable[[Reference], Type | None]

# Mistakes whatever the values; others (a division by zero) may be the sample's own.
_CERTAIN: Final = ("type-mismatch", "bad-arguments", "not-a-condition", "not-text")
_SAMPLES: Final[tuple[Mapping[Type, Any], ...]] = (
    {"text": "1", "number": 1, "true or false": True},
    {"text": "", "number": 0, "true or false": False},
)
_STATUSES: Final[tuple[Status, ...]] = ("success", "failure")
# Beside one of these, a name or literal is only a part of what is compared.
_BINDING: Final = frozenset(("+", "-", "*", "/", "%", "<", ">", "<=", ">=", "==", "!=", "in", ".", "[", "(", "!"))


class Mistake(NamedTuple):
    """`offset` counts characters from the start of the expression."""

    code: str
    message: str
    offset: int
    suggestion: str


def mistakes(expression: Expression, condition: bool, type_of: TypeOf) -> Iterator[Mistake]:
    """What is wrong with the types; `condition`: it stands in an `if`. At most one of what samples show."""
    yield from _unequal_types(expression, type_of)
    types = [type_of(reference) for reference in expression.references]
    if all(types):
        yield from _tried_out(expression, condition, types)


def _tried_out(expression: Expression, condition: bool, types: list[Type | None]) -> Iterator[Mistake]:
    constant = not expression.references and not expression.asks_status
    for number, status in enumerate(_STATUSES):
        try:
            answer = run(expression, Context(_sample(expression, types, number), status))
            as_condition(answer, expression) if condition else as_text(answer, expression.text)
        except ExpressionError as error:
            if constant or error.code in _CERTAIN:
                yield Mistake(error.code, error.message, error.offset, error.suggestion)
                return


def _sample(expression: Expression, types: list[Type | None], number: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for reference, kind in zip(expression.references, types, strict=True):
        here, names = values, (reference.root, *reference.path)
        for name in names[:-1]:
            here = here.setdefault(name, {})
        here[names[-1]] = _SAMPLES[number][kind] if kind is not None else ""
    return values


def _unequal_types(expression: Expression, type_of: TypeOf) -> Iterator[Mistake]:
    words = tokens(expression.text)
    by_start = {reference.first: reference for reference in expression.references}
    by_end = {reference.end: reference for reference in expression.references}
    for index, word in enumerate(words):
        if word.text not in ("==", "!=") or index + 1 >= len(words):
            continue
        left, right = by_end.get(index), by_start.get(index + 1)
        before = left.first - 1 if left else index - 2
        after = right.end if right else index + 2
        if _binds(words, before) or _binds(words, after):
            continue
        types = [type_of(side) if side else _literal(words[at]) for side, at in ((left, index - 1), (right, index + 1))]
        if None not in types and types[0] != types[1]:
            sides = [side.text if side else words[at].text for side, at in ((left, index - 1), (right, index + 1))]
            always = "always differ" if word.text == "!=" else "are never equal"
            message = f"{code(sides[0])} is {_said(types[0])} and {code(sides[1])} is {_said(types[1])}: they {always}"
            yield Mistake("type-mismatch", message, word.offset, _way_out(sides, types))


def _binds(words: tuple[Token, ...], index: int) -> bool:
    return 0 <= index < len(words) and words[index].text in _BINDING - {"(" if index else ""}


def _literal(word: Token) -> Type | None:
    if word.kind == "string":
        return "text"
    if word.kind == "number":
        return "number"
    return "true or false" if word.text in ("true", "false") else None


def _said(kind: Type | None) -> str:
    return "a number" if kind == "number" else str(kind)


def _way_out(sides: list[str], types: list[Type | None]) -> str:
    for (side, kind), other in zip(zip(sides, types, strict=True), reversed(types), strict=True):
        bare = side.strip("'\"")
        if other == "text" and side[:1].isdigit():
            return f"write '{side}' in quotes"
        if kind == "text" and side != bare and (bare in ("true", "false") or bare.isdigit()):
            return f"write {bare} without quotes"
    return "convert one of them with string() or int()"


def is_number(expression: Expression, type_of: TypeOf) -> bool:
    """Whether its value is a number, whatever the run brings."""
    types = [type_of(reference) for reference in expression.references]
    try:
        return bool(all(types)) and isinstance(run(expression, Context(_sample(expression, types, 0))), int | float)
    except ExpressionError:
        return False
