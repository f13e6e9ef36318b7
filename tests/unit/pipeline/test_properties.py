"""Whatever the bytes: an answer, never an exception, the same each time, and every problem inside the file."""

import re
from itertools import pairwise

import yaml
from hypothesis import example, settings
from hypothesis import given as randomly
from hypothesis import strategies as some

from core.pipeline.context import CompileContext
from core.pipeline.document import Document, read_pipeline
from core.pipeline.engine import compile_expression, execute
from core.pipeline.expressions import ExpressionError
from core.pipeline.globs import any_match, compile_glob
from core.pipeline.language import PIPELINE
from core.pipeline.lexer import OPENING, LexError, Piece, split
from core.pipeline.plan import Plan
from core.pipeline.shell_quoting import MARK, situations
from tests.support.likely_files import likely, texts

CONTEXT = CompileContext(app="shop", commit="c" * 40, branch="main", event="manual")
anything = some.recursive(
    some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), texts, some.dates()),
    lambda inner: some.one_of(some.lists(inner, max_size=5), some.dictionaries(texts, inner, max_size=5)),
    max_leaves=30,
)
SYMBOLS = [
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "!",
        "?",
        ":",
        "+",
        "-",
        "*",
        "/",
        "%",
        "<",
        ">",
        "=",
        "&",
        "|",
        "==",
        "&&",
    ),
    *("'", '"', "\\", " ", "0", "1.5", "'x'", "r'", "\n", "||", "true", "null", "in", "branch", "run.number", "inputs"),
    *("stages.a.outputs.b", "size(", "int(", "has(", ".contains(", ".matches('", "success()"),
]
expressions = some.lists(some.sampled_from(SYMBOLS), max_size=20).map("".join)


def answer(source: bytes) -> Document:
    first, second = read_pipeline(source), read_pipeline(source)
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", source.decode("utf-8", "replace"))
    for problem in first.problems:
        assert problem.code.replace("-", "").isalnum(), problem
        assert 1 <= problem.line <= len(lines), problem
        assert problem.column >= 1
        assert problem.message == problem.message.strip() != ""
    if not first.problems:
        assert first.compile(CONTEXT) == second.compile(CONTEXT)
    return first


@randomly(some.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"\x00\x00\xfe\xff")
@example(b"<<: *a")
def test_any_bytes_get_an_answer(source: bytes) -> None:
    assert answer(source).problems == read_pipeline(source).problems


@randomly(
    some.lists(some.one_of(texts, some.sampled_from([": ", "- ", "\n  ", "[", "]", "{", "}", ", "]))).map("".join)
)
@settings(max_examples=300)
def test_any_text_gets_an_answer(source: str) -> None:
    written = source.encode("utf-8", "surrogatepass")
    assert answer(written).problems == read_pipeline(written).problems


@randomly(anything)
def test_any_values_get_an_answer(value: object) -> None:
    written = yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")
    assert answer(written).problems == read_pipeline(written).problems


@randomly(likely(PIPELINE))
@settings(max_examples=200)
def test_likely_files_get_an_answer(value: object) -> None:
    written = yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")
    assert answer(written).problems == read_pipeline(written).problems


@randomly(expressions)
@settings(max_examples=500)
def test_any_expression_has_a_value_or_a_reason(text: str) -> None:
    try:
        answer: object = execute(compile_expression(text), {"branch": "x", "run": {"number": 1}, "inputs": {}}, {})
    except ExpressionError as error:
        answer = error
    if isinstance(answer, ExpressionError):
        assert answer.code.replace("-", "").isalnum()
        assert 0 <= answer.offset <= len(text)


@randomly(some.lists(some.one_of(texts, expressions, some.just(OPENING), some.just("}}"))).map("".join))
def test_pieces_of_a_text_are_the_text(text: str) -> None:
    try:
        pieces = split(text)
    except LexError as error:
        place = error.offset
    else:
        check_pieces(text, pieces)
        return
    assert text.startswith(OPENING, place)


def check_pieces(text: str, pieces: tuple[Piece, ...]) -> None:
    ends = [*(piece.offset for piece in pieces[1:]), len(text)] if pieces else []
    for piece, end in zip(pieces, ends, strict=True):
        assert text.startswith(piece.text, piece.inside)
        assert text.startswith(OPENING, piece.offset) if piece.is_expression else text[piece.offset : end] == piece.text


@randomly(some.text(alphabet=MARK + "'\"`$(){}[]<\n\\#EOF -=:a", max_size=40))
@settings(max_examples=500)
def test_every_expression_of_any_script_stands_somewhere(script: str) -> None:
    assert len(situations(script)) == script.count(MARK)


def slow_match(pattern: str, text: str) -> bool:
    """What a glob means, written down without regard to time."""
    if not pattern:
        return not text
    if pattern.startswith("**/"):
        rest = pattern[3:]
        return any(slow_match(rest, text[cut:]) for cut in range(len(text) + 1) if cut == 0 or text[cut - 1] == "/")
    if pattern.startswith("**"):
        return any(slow_match(pattern.lstrip("*"), text[cut:]) for cut in range(len(text) + 1))
    if pattern[0] == "*":
        reach = (text + "/").index("/")
        return any(slow_match(pattern[1:], text[cut:]) for cut in range(reach + 1))
    if not text or (pattern[0] == "?" and text[0] == "/"):
        return False
    return pattern[0] in ("?", text[0]) and slow_match(pattern[1:], text[1:])


@randomly(some.text(alphabet="ab/*?", min_size=1, max_size=7), some.text(alphabet="ab/", max_size=7))
@settings(max_examples=1000)
def test_glob_means_what_it_says(pattern: str, text: str) -> None:
    # `a**/b` has a `**` inside a name, which is no directory of its own.
    if "**" in pattern and any(part.strip("*") and "**" in part for part in pattern.split("/")):
        return
    assert compile_glob(pattern).matches(text) == slow_match(re.sub(r"\*{3,}", "**", pattern), text)


@randomly(some.lists(some.sampled_from(["a", "b", "*", "!a", "!*", "**", "!b"]), max_size=5), some.sampled_from("ab/"))
def test_last_glob_that_fits_decides(patterns: list[str], text: str) -> None:
    fitting = [p for p in patterns if compile_glob(p).matches(text)]
    assert any_match(patterns, text) == (bool(fitting) and not fitting[-1].startswith("!"))


@randomly(some.lists(some.lists(some.integers(0, 11), max_size=4), min_size=1, max_size=12))
def test_stages_are_planned_after_all_they_need_or_the_cycle_is_named(needs: list[list[int]]) -> None:
    stages = [
        {"name": f"s{i}", "needs": [f"s{j}" for j in dict.fromkeys(need) if j < len(needs) and j != i]}
        | {"steps": [{"run": "x"}]}
        for i, need in enumerate(needs)
    ]
    document = read_pipeline(yaml.safe_dump({"stages": stages}).encode())
    if document.problems:
        by_name = {str(stage["name"]): stage["needs"] for stage in stages}
        for problem in document.problems:
            cycle = problem.message.rpartition(": ")[2].split(" -> ")
            assert problem.code == "cycle"
            assert cycle[0] == cycle[-1]
            assert all(after in by_name[before] for before, after in pairwise(cycle))
        return
    plan = document.compile(CONTEXT)
    assert isinstance(plan, Plan)
    order = [stage.name for stage in plan.stages]
    assert sorted(order) == sorted(f"s{i}" for i in range(len(needs)))
    assert all(order.index(need.stage) < order.index(stage.name) for stage in plan.stages for need in stage.needs)
