"""`${{ }}` and `if`: exact places in any kind of text, every mistake at once, names and types known before a run."""

import re

import pytest

from tests.support.pipeline_files import compiled, found, only_job, planned, problems_of

HEAD = """\
trigger:
  manual:
    inputs: {n: {type: number}, b: {type: boolean}, s: {}, c: {type: choice, options: [x, y]}}
env: {E: 1}
stages:
  - {name: z, steps: [{run: x}]}
  - {name: other, steps: [{run: x}]}
  - name: a
    needs: [z]
"""
LAST = HEAD.count("\n") + 1


def with_if(expression: str) -> str:
    return f"{HEAD}    if: >-\n      {expression}\n    steps: [{{run: x}}]\n"


def with_matrix(expression: str) -> str:
    return f"{HEAD}    matrix: {{node: [18, 20]}}\n    steps:\n      - run: x\n        if: {expression}\n"


@pytest.mark.parametrize(
    "text",
    [
        "run: a ${{ oops }}",
        "run: 'a''''b ${{ oops }}'",
        'run: "\\"a\\"\\t${{ oops }}"',
        "run: |\n          one\n          two ${{ oops }} ${{ branch + oops }}",
        "run: |  # ${{ no }}\n\n          ${{ oops }}",
        "run: |2\n            x ${{ oops }}",
        "run: |-\n          ${{ branch }}\n\n\n            ${{ oops }}",
        "run: >\n          one\n          two ${{\n          oops }}",
        "run: one\n          'two' ${{ oops }}",
        'run: "one\n          two\\\n          ${{ oops }}"',
        "run: 日本 ${{ oops }}",
        "{run: x, if: tag == oops}",
        "{run: x, if: '${{ tag == oops }}'}",
        "{run: x, if: ' tag == ''x'' && oops'}",
        "{run: x, if: \"tag == '\\u00e9' && oops\"}",
        "run: x\n        if: >-\n          tag == 'x'\n          && oops",
        "{run: x, name: '${{ oops }}'}",
        "{run: x, env: {A: 'x${{oops}}'}}",
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_mistake_in_an_expression_has_its_own_place(text: str, line_end: str) -> None:
    source = "stages:\n  - name: a\n    steps:\n      - " + text + "\n"
    lines = enumerate(source.splitlines(), 1)
    places = [(number, match.start() + 1) for number, line in lines for match in re.finditer("oops", line)]
    problems = problems_of(source.replace("\n", line_end))
    assert [(problem.line, problem.column) for problem in problems] == places


def test_expression_that_is_never_closed_is_named_where_it_opens() -> None:
    assert found("stages: [{name: a, steps: [{run: '${{ branch }} ${{ tag'}]}]\n")[0].startswith("1:49 bad-expression")


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("brnch == 'x'", "unknown-value"),
        ("run.nmber == 1", "unknown-value"),
        ("inputs.nope == 'x'", "unknown-value"),
        ("env.NOPE == 'x'", "unknown-value"),
        ("stages.nope.outcome == 'success'", "unknown-stage"),
        ("stages.other.outcome == 'success'", "stage-not-needed"),
        ("stages.z.result == 'success'", "unknown-value"),
        ("stages == 'x'", "unknown-value"),
        ("matrix.node == '18'", "unknown-value"),
        ("foo(branch)", "unknown-function"),
        ("contains(branch, 'x')", "unknown-function"),
        ("branch.foo()", "unknown-function"),
        ("branch.map(x, x) == []", "loop-in-expression"),
        ("branch = 'x'", "bad-expression"),
        ("branch == 'x", "bad-expression"),
        ("branch == 'x' & true", "bad-expression"),
        ("branch ==", "bad-expression"),
        ("(branch == 'x'", "bad-expression"),
        ("${{ }}", "empty-expression"),
        ("${{ branch == 'x'", "bad-expression"),
        ("${{ branch }} == 'x'", "bad-expression"),
        ("branch.matches('(')", "bad-regex"),
        ("branch.matches('a{1000}')", "bad-regex"),
        ("branch.matches(tag)", "bad-regex"),
        ("(" * 30 + "true" + ")" * 30, "expression-too-complex"),
        (" || ".join(["true"] * 200), "expression-too-complex"),
        ("branch == '" + "x" * 1_000 + "'", "expression-too-complex"),
        ("branch", "not-a-condition"),
        ("run.number", "not-a-condition"),
        ("'true'", "not-a-condition"),
        ("branch && tag", "type-mismatch"),
        ("-branch == 'x'", "type-mismatch"),
        ("inputs.s + 1 == 2", "type-mismatch"),
        ("inputs.n > '3'", "type-mismatch"),
        ("run.number == '3'", "type-mismatch"),
        ("3 != inputs.s", "type-mismatch"),
        ("inputs.b == 'true'", "type-mismatch"),
        ("inputs.c == 1 || inputs.b", "type-mismatch"),
        ("env.E == 1", "type-mismatch"),
        ("stages.z.outputs.count == 3", "type-mismatch"),
        ("stages['z'].outputs['count'] > 3", "type-mismatch"),
        ("size(1) == 1", "bad-arguments"),
        ("branch.contains(1)", "bad-arguments"),
        ("success('z')", "bad-arguments"),
        ("int('x') == 1", "evaluation-failed"),
        ("1 / 0 == 1", "evaluation-failed"),
    ],
)
def test_expression_that_can_have_no_value_is_refused_by_lint(expression: str, code: str) -> None:
    assert code in [problem.code for problem in problems_of(with_if(expression))]


@pytest.mark.parametrize(
    "expression",
    [
        "branch == 'main' && tag == ''",
        "inputs.b || !inputs.b",
        "inputs.n > 3 && inputs.n == 4 && inputs.n < 1.5",
        "int(inputs.s) == 1",
        "string(run.number) == '1'",
        "size(branch) == 3 && branch.size() == 3",
        "branch in ['main', 'develop']",
        "has(inputs.s)",
        "failure() && stages.z.outcome == 'failure'",
        "int(stages.z.outputs.count) > 3",
        "stages.z.outputs.count == '3'",
        "branch.matches('^release/[0-9]+$') || branch.startsWith('hotfix/')",
        "(inputs.b ? 'x' : 'y') == inputs.c",
        "10 / int(inputs.s) == 1",
        "pull_request.number == 0 || pull_request.title != ''",
        "'a' + branch == 'amain'",
        "always()",
    ],
)
def test_sound_condition_is_accepted(expression: str) -> None:
    assert found(with_if(expression)) == []


def test_values_of_a_matrix_are_text() -> None:
    (problem,) = problems_of(with_matrix("matrix.node == 18"))
    assert (problem.code, problem.column, problem.suggestion) == ("type-mismatch", 25, "write '18' in quotes")
    assert found(with_matrix("matrix.node == '18'")) == []
    assert [problem.code for problem in problems_of(with_matrix("matrix.nod == '18'"))] == ["unknown-value"]


def test_every_expression_of_a_text_is_checked() -> None:
    source = (
        f"{HEAD}    steps: [{{run: 'x ${{{{ a1 }}}} ${{{{ foo() }}}} ${{{{ run.number + tag }}}} ${{{{ b2 }}}}'}}]\n"
    )
    codes = [problem.code for problem in problems_of(source)]
    assert codes == ["unknown-value", "unknown-function", "type-mismatch", "unknown-value"]


def test_wrong_declarations_are_told_once_and_not_again_where_they_are_used() -> None:
    source = (
        "trigger: {manual: {inputs: {n: 5}}}\nenv: {A: [1]}\nstages:\n  - name: a\n    matrix: {x: []}\n"
        "    steps: [{run: '${{ inputs.n }} ${{ env.A }} ${{ matrix.x }}'}]\n"
    )
    assert [problem.line for problem in problems_of(source)] == [1, 2, 5]


def test_status_functions_belong_into_conditions() -> None:
    assert "status-outside-if" in found(f"{HEAD}    env: {{A: '${{{{ success() }}}}'}}\n    steps: [{{run: x}}]\n")[0]


def test_texts_hold_a_hundred_expressions_and_no_more() -> None:
    def source(count: int) -> str:
        return f"{HEAD}    steps: [{{run: '{'${{ branch }}' * count}'}}]\n"

    codes = {problem.code for problem in problems_of(source(101))}
    assert "too-many-expressions" in codes
    assert "too-many-expressions" not in {problem.code for problem in problems_of(source(100))}


def test_value_that_does_not_fit_its_place_is_reported_there() -> None:
    source = (
        "trigger: {manual: {inputs: {pool: {}, n: {}}}}\nstages:\n  - name: a\n    pool: ${{ inputs.pool }}\n"
        "    env: {A: 'x ${{ int(inputs.n) }}'}\n    steps: [{run: x, if: int(inputs.n) == 1}]\n"
    )
    answer = compiled(source, event="manual", inputs={"pool": "../x", "n": "many"})
    assert isinstance(answer, tuple)
    assert [(p.line, p.column, p.code, p.path) for p in answer] == [
        (4, 11, "bad-pool", "stages[0].pool"),
        (5, 21, "evaluation-failed", "stages[0].env.A"),
        (6, 26, "evaluation-failed", "stages[0].steps[0].if"),
    ]
    assert only_job(source, event="manual", inputs={"pool": "gpu", "n": "1"}).pool == "gpu"


def test_conditions_of_steps_become_the_statuses_they_run_under() -> None:
    source = (
        "stages:\n  - name: a\n    steps:\n      - {run: x, if: branch == 'main'}\n"
        "      - {run: x, if: branch == 'x'}\n"
        "      - {run: x, if: always()}\n      - {run: x, if: failure() && branch == 'main'}\n"
    )
    steps = only_job(source).steps
    assert [step.when for step in steps] == [("success",), (), ("success", "failure", "cancelled"), ("failure",)]


def test_results_of_earlier_stages_wait_for_the_run() -> None:
    source = (
        "stages:\n  - {name: b, steps: [{run: x}]}\n  - name: a\n    needs: [b]\n"
        "    env: {V: 'v${{ stages.b.outputs.v }} on ${{ branch }}'}\n    steps: [{run: x}]\n"
    )
    assert only_job(source).env == {"V": "v${{ stages.b.outputs.v }} on ${{ branch }}"}
    assert planned(source).values["branch"] == "main"
