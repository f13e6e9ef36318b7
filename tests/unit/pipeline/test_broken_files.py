"""Files that are no pipeline at all: not YAML, not text, too large, too deep. Each says where and what to do."""

import pytest

from core.pipeline.parse import MAX_BYTES, MAX_DEPTH
from core.pipeline.report import MAX_PROBLEMS
from tests.support.pipeline_files import STAGES, found, planned, problems_of, the_problem

BROKEN: dict[str, tuple[str | bytes, str]] = {
    "a tab as indentation": ("stages:\n\t- name: a\n", "2:1 tab-indentation"),
    "a tab after spaces": ("stages:\n  - name: a\n    steps:\n    \t- run: x\n", "4:5 tab-indentation"),
    "bad indentation": ("stages:\n  - name: a\n   steps: []\n", "3:4 broken-yaml"),
    "a double quote that is never closed": ('stages:\n  - name: "a\n    steps: []\n', "2:11 broken-yaml"),
    "a single quote that is never closed": ("name: 'it\nstages: []\n", "1:7 broken-yaml"),
    "a bracket that is never closed": ("stages: [a, b\n", "1:9 broken-yaml"),
    "a brace that is never closed": ("stages: [{a: b\n", "1:10 broken-yaml"),
    "a glob without quotes": ("trigger:\n  branches: *\n", "2:14 broken-yaml"),
    "a value that begins with @": ("name: @x\n", "1:7 broken-yaml"),
    "a value that begins with a backquote": ("name: `x`\n", "1:7 broken-yaml"),
    "a value that begins with %": ("name: %x\n", "1:7 broken-yaml"),
    "a colon in a plain text": ("stages:\n  - name: a\n    steps:\n      - run: echo a: b\n", "4:20 broken-yaml"),
    "two documents": (STAGES + "---\n" + STAGES, "2:1 multiple-documents"),
    "an empty file": ("", "1:1 empty-file"),
    "only white space": (" \n\n", "1:1 empty-file"),
    "only comments": ("# a\n# b\n", "1:1 empty-file"),
    "a document that was only begun": ("---", "1:1 empty-file"),
    "an empty document": ("---\n...\n", "1:1 empty-file"),
    "a text": ("hello", "1:1 not-a-mapping"),
    "a number": ("42", "1:1 not-a-mapping"),
    "nothing": ("~", "1:1 not-a-mapping"),
    "a list": ("- a\n- b\n", "1:1 not-a-mapping"),
    "a list as a key": ("[a]: b\n" + STAGES, "1:1 key-not-text"),
    "a mapping as a key": ("{a: b}: c\n" + STAGES, "1:1 key-not-text"),
    "a NUL": (b"name: a\0b\n", "1:8 broken-yaml"),
    "a bell": (b"name: a\x07b\n", "1:8 broken-yaml"),
    "a half of a surrogate pair": ('name: "\\ud800"\n', "1:10 broken-yaml"),
    "a newer YAML": ("%YAML 3.0\n---\n" + STAGES, "1:1 broken-yaml"),
    "Latin-1": ("name: café\n".encode("latin-1"), "1:10 not-utf-8"),
    "Latin-1 behind a byte order mark": (b"\xef\xbb\xbf" + "a: b\nname: é\n".encode("latin-1"), "2:7 not-utf-8"),
    "half a character": ("name: 日".encode()[:-1], "1:7 not-utf-8"),
    "UTF-16": (STAGES.encode("utf-16"), "1:1 not-utf-8"),
    "UTF-16 without a byte order mark": (STAGES.encode("utf-16-le"), "1:1 not-utf-8"),
    "UTF-32": (STAGES.encode("utf-32-be"), "1:1 not-utf-8"),
    "an alias of nothing": ("name: *x\n" + STAGES, "1:7 unknown-alias"),
    "an alias inside of what it names": ("stages: &a [*a]\n", "1:13 recursive-alias"),
    "too deep nesting": ("stages: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "1:58 too-deep"),
    "nesting without an end": ("[" * 500_000, "1:51 too-deep"),
    "a megabyte": (STAGES.ljust(MAX_BYTES, "#"), "1:1 file-too-large"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_refused_with_its_place(case: str) -> None:
    source, expected = BROKEN[case]
    assert found(source) == [expected]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("trigger:\n  branches: *\n", "put the value in quotes"),
        ("name: @x\n", "put the value in quotes"),
        ("name: 'a\n", "close it"),
        ("stages:\n\t- a\n", "use two spaces"),
        ("stages:\n  - run: echo a: b\n", "needs quotes"),
        (STAGES.encode("utf-16"), "save the file as UTF-8"),
        ("stages:\n  - name: a\n    steps: [{run: x}]\n    if: !cancelled()\n", "put the value in quotes"),
    ],
)
def test_slip_of_the_pen_says_what_to_write(source: str | bytes, words: str) -> None:
    assert words in problems_of(source)[0].suggestion


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbf" + STAGES.encode(),
        STAGES.replace("\n", "\r\n").encode(),
        b"%YAML 1.1\n---\n" + STAGES.encode(),
        STAGES.encode() + b"#" * (MAX_BYTES - len(STAGES) - 1),
        b"? stages\n: [{name: a, steps: [{run: x}]}]\n",
        b"name: 2024-01-01\n" + STAGES.encode(),
        b"name: on\ndescription: 0x1f\n" + STAGES.encode(),
    ],
)
def test_unusual_but_sound_file_is_read(source: bytes) -> None:
    assert found(source) == []


def test_lines_count_right_with_windows_line_ends() -> None:
    assert found(b"stages:\r\n  - name: a\r\n    colour: red\r\n    steps: [{run: x}]\r\n") == [
        "3:5 unknown-key stages[0].colour"
    ]


def test_plain_scalars_stay_what_was_written() -> None:
    plan = planned("name: 3.10\nenv: {A: 010, B: yes, C: 1e3, D: 2024-01-01, E: 1_000, F: 0o17}\n" + STAGES)
    assert plan.name == "3.10"
    assert plan.values["env"] == {"A": "010", "B": "yes", "C": "1e3", "D": "2024-01-01", "E": "1_000", "F": "0o17"}


def test_duplicate_key_names_both_lines() -> None:
    problem = the_problem("name: a\ndescription: b\nname: c\n" + STAGES)
    assert (problem.line, problem.code) == (3, "duplicate-key")
    assert "line 1" in problem.message


def test_custom_tags_build_nothing() -> None:
    assert found("name: !!python/object/apply:os.system [x]\n" + STAGES)[0] == "1:7 custom-tag"
    assert found("name: !!binary aGVsbG8=\n" + STAGES) == ["1:7 custom-tag"]


def test_merge_keys_take_over_what_is_not_written_out() -> None:
    source = (
        "stages:\n  - &base\n    name: a\n    timeout: 5m\n    steps: [{run: x}]\n"
        "  - {<<: *base, name: b}\n  - {name: c, <<: [*base], timeout: 1m}\n"
    )
    plan = planned(source)
    assert [(stage.name, stage.jobs[0].timeout_seconds) for stage in plan.stages] == [("a", 300), ("b", 300), ("c", 60)]


def test_merge_of_something_else_is_refused() -> None:
    assert "1:33 bad-merge" in found("stages: [{name: a, steps: [{<<: 3, run: x}]}]\n")


def test_problem_in_a_shared_value_is_told_once() -> None:
    source = "stages:\n  - {name: a, steps: &s [{run: x, colour: red}]}\n  - {name: b, steps: *s}\n"
    assert found(source) == ["2:35 unknown-key stages[0].steps[0].colour"]


def test_alias_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert [problem.code for problem in problems_of("\n".join(lines))][-1] == "alias-bomb"


def test_many_problems_are_cut_off_with_their_number() -> None:
    problems = problems_of("".join(f"k{n}: x\n" for n in range(MAX_PROBLEMS + 50)) + STAGES)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].code == "too-many-problems"
    assert "50 more" in problems[-1].message


def test_more_values_than_any_pipeline_has_are_refused() -> None:
    assert found("stages: [" + "a," * 150_000 + "]")[-1].endswith("too-many-values")
