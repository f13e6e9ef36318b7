"""Values from outside are data: nothing in them is evaluated, neither by the compiler nor later by the Run."""

from core.pipeline.context import CompileContext
from core.pipeline.document import read_pipeline
from core.pipeline.expressions import Context, evaluate_text
from core.pipeline.plan import JobPlan, Plan

FILE = b"""
env: {TOP: "${{ branch }}"}
stages:
  - name: a
    env: {STAGE: "on ${{ branch }}"}
    steps:
      - {run: 'echo "${{ branch }}"', env: {STEP: "${{ branch }}"}}
"""
BRANCH = "${{commit}}"


def compiled(source: bytes) -> tuple[Plan, JobPlan]:
    plan = read_pipeline(source).compile(CompileContext(app="a", commit="c" * 40, branch=BRANCH))
    assert isinstance(plan, Plan), plan
    return plan, plan.stages[0].jobs[0]


def test_branch_that_looks_like_an_expression_stays_a_name_when_the_run_fills_in_its_values() -> None:
    plan, job = compiled(FILE)
    known = Context(plan.values)
    texts = {**job.env, **job.steps[0].env}
    seen = {name: evaluate_text(text, known) for name, text in texts.items()}
    assert seen == {"TOP": BRANCH, "STAGE": f"on {BRANCH}", "STEP": BRANCH, "SEALANE_EXPR_1": BRANCH}


def test_script_holds_a_variable_in_place_of_the_expression() -> None:
    _, job = compiled(FILE)
    assert job.steps[0].run == 'echo "${SEALANE_EXPR_1}"'
