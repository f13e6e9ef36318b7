"""CEL in a box: what may be compiled, and how it is run, so that no text can crash, stall or fill a process.

The library (Rust, `common-expression-language`) has no cost bound, and its recursion can overflow the stack.
So the text is bounded before it gets there: length, words, nesting, no loops (`map`, `all`, ...), cheap regular
expressions only. What is left costs time linear in the sizes of the values it names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cel

from core.pipeline.lexer import MAX_EXPRESSION, LexError, string_value, tokens
from core.pipeline.nodes import code, quoted
from core.pipeline.references import Call, Reference, references
from core.pipeline.report import did_you_mean

MAX_TOKENS: Final = 250
MAX_NESTING: Final = 20
MAX_REGEXES: Final = 4
MAX_REGEX: Final = 100

STATUS_FUNCTIONS: Final = frozenset(("success", "failure", "always", "cancelled"))
METHODS: Final = frozenset(("contains", "startsWith", "endsWith", "matches", "size"))
GLOBALS: Final = frozenset(("size", "string", "int", "double", "has")) | STATUS_FUNCTIONS
SIGNATURES: Final = {
    **{name: f"text.{name}('text')" for name in METHODS},
    **{name: f"{name}(value)" for name in ("string", "int", "double")},
    **{name: f"{name}()" for name in STATUS_FUNCTIONS},
    "size": "size(text) or size(list)",
    "has": "has(value.name)",
}
_LOOPS = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap"))
_CLASSES = re.compile(r"\\[wdsWDS]")
# The library's words for arguments of the wrong number or type.
_CALL_FAILED = re.compile(r"(?:Undefined variable or function: |Function )'(\w+)'(?:\.| error: Python)")
_PARSER_WORDS = re.compile(r"<input>:(\d+):(\d+):\s*(.*?)(?: expecting \{.*)?$", re.MULTILINE)


class ExpressionError(Exception):
    """An expression has no value. `code` is stable and kebab-case; `message` says what and where.

    `offset` counts characters from the start of the expression; `suggestion` is what to write instead.
    """

    def __init__(self, code: str, message: str, offset: int = 0, suggestion: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.offset = offset
        self.suggestion = suggestion

    def moved(self, start: int) -> "ExpressionError":
        """The same, counted from the text in which the expression begins at `start`."""
        return ExpressionError(self.code, self.message, self.offset + start, self.suggestion)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and what it names."""

    text: str
    references: tuple[Reference, ...]
    functions: frozenset[str]
    cost: int
    program: Any

    @property
    def roots(self) -> frozenset[str]:
        return frozenset(reference.root for reference in self.references)

    @property
    def asks_status(self) -> bool:
        return bool(self.functions & STATUS_FUNCTIONS)


@lru_cache(maxsize=2048)
def compile_expression(text: str) -> Expression:
    """Raises ExpressionError for anything that is not a small, loop-free CEL expression."""
    values, calls = _bounded(text)
    for call in calls:
        _check_call(call)
    try:
        program = cel.compile(text)
    except BaseException as error:
        raise _syntax_error(text, error) from None
    named = program.references()
    # The library's own word on what the text names: nothing may hide in a place our lexer reads differently.
    if not set(named["variables"]) <= {value.root for value in values}:
        raise ExpressionError("bad-expression", f"{code(text)} can't be read unambiguously")
    functions = frozenset(call.name for call in calls)
    regexes = sum(call.name == "matches" for call in calls)
    return Expression(text, values, functions, 1 + 50 * regexes, program)


def _bounded(text: str) -> tuple[tuple[Reference, ...], tuple[Call, ...]]:
    if not text.strip():
        raise ExpressionError("empty-expression", "the expression is empty")
    if len(text) > MAX_EXPRESSION:
        raise _too_complex(f"it has {len(text):,} characters, at most {MAX_EXPRESSION:,} are allowed")
    try:
        words = tokens(text)
    except LexError as error:
        raise ExpressionError("bad-expression", f"{code(text)}: {error.message}", error.offset) from None
    if len(words) > MAX_TOKENS:
        raise _too_complex(f"it has {len(words)} words and operators, at most {MAX_TOKENS} are allowed")
    depth = 0
    for word in words:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(word.text, 0)
        if depth > MAX_NESTING:
            raise _too_complex(f"brackets are nested more than {MAX_NESTING} deep")
    values, calls = references(words)
    if sum(call.name == "matches" for call in calls) > MAX_REGEXES:
        raise _too_complex(f"matches() is used more than {MAX_REGEXES} times")
    return values, calls


def _too_complex(reason: str) -> ExpressionError:
    return ExpressionError("expression-too-complex", f"the expression is too complex: {reason}")


def _check_call(call: Call) -> None:
    name = call.name
    if name == "hash_files":
        raise ExpressionError(
            "not-available-yet", "hash_files() comes with caches and is not available yet", call.offset
        )
    if name in _LOOPS and call.method:
        hint = "compare one by one with '||' and '&&', or use 'in' with a list"
        raise ExpressionError("loop-in-expression", f"{name}() is a loop; expressions have none", call.offset, hint)
    if name in METHODS and not call.method and name not in GLOBALS:
        hint = f"write it behind the value: branch.{name}('...')"
        raise ExpressionError("unknown-function", f"{name}() is called on a value", call.offset, hint)
    if name not in (METHODS if call.method else GLOBALS):
        hint = did_you_mean(name, METHODS if call.method else GLOBALS | METHODS)
        raise ExpressionError("unknown-function", f"unknown function {quoted(name)}", call.offset, hint)
    if name in STATUS_FUNCTIONS and not call.empty:
        hint = "for one stage compare stages.<name>.outcome"
        raise ExpressionError("bad-arguments", f"{name}() takes no arguments", call.offset, hint)
    if name == "matches":
        _check_regex(call)


def _check_regex(call: Call) -> None:
    """A regular expression is linear to run, but counted repetition and Unicode classes make it dear to build."""
    if call.argument is None:
        hint = "write the pattern out in quotes"
        raise ExpressionError("bad-regex", "matches() takes a pattern that is written out", call.offset, hint)
    pattern = string_value(call.argument.text)
    reason = ""
    if len(pattern) > MAX_REGEX:
        reason = f"it is longer than {MAX_REGEX} characters"
    elif "{" in pattern or r"\p" in pattern or r"\P" in pattern:
        reason = r"counted repetition {n} and \p classes are not allowed"
    elif len(_CLASSES.findall(pattern)) > MAX_REGEXES:
        reason = rf"it uses \w, \d and \s more than {MAX_REGEXES} times"
    if reason:
        raise ExpressionError("bad-regex", f"the pattern {quoted(pattern)} is refused: {reason}", call.offset)
    try:
        _MATCHES.execute({"pattern": pattern})
    except Exception as error:
        detail = str(error).partition(" not a valid regex:")[2].strip().splitlines()
        reason = detail[-1].removeprefix("error: ") if detail else "it is not a regular expression"
        raise ExpressionError("bad-regex", f"the pattern {quoted(pattern)}: {reason}", call.offset) from None


_MATCHES = cel.compile("''.matches(pattern)")


def _syntax_error(text: str, error: BaseException) -> ExpressionError:
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    found = _PARSER_WORDS.search(str(error))
    if found is None:
        return ExpressionError("bad-expression", f"{code(text)} is not a CEL expression")
    lines = text.splitlines(keepends=True)
    offset = max(0, sum(map(len, lines[: int(found[1]) - 1])) + int(found[2]) - 1)
    reason = found[3].removeprefix("Syntax error: ").replace("'<EOF>'", "the end")
    return ExpressionError("bad-expression", f"{code(text)} is not a CEL expression: {reason}", offset)


def execute(expression: Expression, values: Mapping[str, Any], functions: Mapping[str, Any]) -> Any:
    """The value of the expression. Raises ExpressionError for whatever goes wrong."""
    visible = {root: _narrowed(expression, root, values[root]) for root in expression.roots if root in values}
    called = {name: functions[name] for name in expression.functions if name in functions}
    try:
        return expression.program.execute(cel.Context(variables=visible, functions=called))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise _runtime_error(expression, values, error) from None


def _narrowed(expression: Expression, root: str, value: Any) -> Any:
    """Only the entries that are named: handing over a map of thousands costs more than the evaluation."""
    if not isinstance(value, Mapping):
        return value
    paths = [reference.path for reference in expression.references if reference.root == root]
    if not all(paths):
        return dict(value)
    return {path[0]: value[path[0]] for path in paths if path[0] in value}


def _runtime_error(expression: Expression, values: Mapping[str, Any], error: BaseException) -> ExpressionError:
    # has() asks for what may be missing; then a type error has another cause.
    probes = isinstance(error, TypeError) and "has" in expression.functions
    for reference in () if probes else expression.references:
        missing = _missing(reference, values)
        if missing:
            return ExpressionError("no-such-value", f"{code(expression.text)}: {missing}", reference.offset)
    if isinstance(error, TypeError):
        return ExpressionError(
            "type-mismatch",
            f"{code(expression.text)}: an operator does not fit the types of its values; "
            "text, numbers and true/false are not converted (use string(), int() or double())",
        )
    reason = str(error).splitlines()[0]
    if (found := _CALL_FAILED.match(reason)) and found[1] in SIGNATURES:
        message = f"{code(expression.text)}: {found[1]}() can't take what it is given"
        return ExpressionError("bad-arguments", message, suggestion=f"it is written {SIGNATURES[found[1]]}")
    return ExpressionError("evaluation-failed", f"{code(expression.text)}: {reason.partition('. Check ')[0][:200]}")


def _missing(reference: Reference, values: Mapping[str, Any]) -> str:
    """Which part of a reference does not exist, in words; empty when all of it does."""
    here: Any = values
    walked: list[str] = []
    for name in (reference.root, *reference.path):
        if not isinstance(here, Mapping):
            return f"{'.'.join(walked)} is a plain value and has no {quoted(name)}"
        if name not in here:
            if not walked:
                return f"unknown value {quoted(name)}"
            known = ", ".join(sorted(here)[:10]) or "nothing"
            return f"{'.'.join(walked)} has no {quoted(name)} (there is: {known})"
        here = here[name]
        walked.append(name)
    return ""
