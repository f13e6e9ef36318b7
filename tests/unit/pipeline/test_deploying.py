"""`environment` and `deploy`: where a stage deploys to, how it says so, and what can't be meant."""

from typing import Any

import pytest

from core.pipeline.context import CompileContext
from core.pipeline.document import read_pipeline
from core.pipeline.plan import DeployPlan, Plan, ReleasePlan, StagePlan
from tests.support.pipeline_files import found, planned, problems_of, stage, the_problem

KNOWN = {"dev": ("us",), "production": ("us", "eu"), "broken": ()}
STEP = "stages: [{name: a, steps: [{run: x}, {uses: deploy, with: {environment: dev}}]}]\n"


def deploying(*lines: str) -> str:
    """A file whose only stage has these lines and no steps."""
    return "stages:\n  - name: a\n" + "".join(f"    {line}\n" for line in lines)


def last(source: str, **context: Any) -> StagePlan:
    return planned(source, **context).stages[-1]


def beside_delivery(source: str, **context: Any) -> list[str]:
    """Problems where a `delivery.yml` with KNOWN stands beside the file."""
    document = read_pipeline(source.encode(), environments=KNOWN)
    plan = document.compile(CompileContext(**{"app": "shop", "commit": "c" * 40} | context))
    problems = () if isinstance(plan, Plan) else plan
    return [f"{p.line}:{p.column} {p.code} {p.path}" for p in problems]


@pytest.mark.parametrize(
    "lines",
    [
        ("deploy: production",),
        ("deploy: {environment: production}",),
        ("environment: production", "deploy: {}"),
        ("environment: {name: production}", "deploy: {environment: production}"),
        ("steps: [{uses: deploy, with: {environment: production}}]",),
        ("environment: production", "steps: [{name: go, uses: deploy}]"),
    ],
)
def test_deployment_can_be_said_in_several_ways(lines: tuple[str, ...]) -> None:
    plan = last(deploying(*lines))
    assert plan == StagePlan("a", (), environment="production", deploy=DeployPlan("production"))


def test_deployment_says_how_and_for_how_long() -> None:
    plan = last(
        deploying(
            "environment: {name: production, regions: [eu, us]}",
            "deploy: {strategy: canary, wait: false, timeout: 2h}",
        )
    )
    assert plan.deploy == DeployPlan("production", ("eu", "us"), "canary", False, 7200)


def test_step_says_how_too() -> None:
    plan = last(
        deploying("steps: [{run: x}, {uses: deploy, with: {environment: dev, strategy: rolling, wait: false}}]")
    )
    assert plan.deploy == DeployPlan("dev", strategy="rolling", wait=False)
    assert [step.run for step in plan.jobs[0].steps] == ["x"]


def test_jobs_run_before_the_deployment() -> None:
    plan = last(stage("deploy: dev"))
    assert len(plan.jobs) == 1
    assert plan.deploy == DeployPlan("dev")


def test_environment_may_depend_on_the_run() -> None:
    source = deploying('deploy: \'${{ branch == "main" ? "production" : "dev" }}\'')
    assert last(source, branch="main").deploy == DeployPlan("production")
    assert last(source, branch="x").environment == "dev"


def test_release_keeps_what_earlier_stages_will_say() -> None:
    source = (
        "stages:\n  - {name: build, steps: [{run: x}]}\n  - name: a\n    needs: [build]\n    deploy:\n"
        "      environment: dev\n      release:\n        image: shop:${{ commit }}\n"
        "        digest: ${{ stages.build.outputs.digest }}\n        config: {MODE: fast}\n"
    )
    release = ReleasePlan("shop:" + "c" * 40, "${{ stages.build.outputs.digest }}", {"MODE": "fast"})
    assert last(source).deploy == DeployPlan("dev", release=release)


WRONG = {
    "nowhere to deploy to": (deploying("deploy: {}"), "3:13 missing-key stages[0].deploy"),
    "a step that goes nowhere": (deploying("steps: [{uses: deploy}]"), "3:13 missing-key stages[0].steps[0]"),
    "two places": (
        deploying("environment: dev", "deploy: production"),
        "4:13 conflicting-keys stages[0].deploy",
    ),
    "an unknown strategy": (
        deploying("deploy: {environment: dev, strategy: yolo}"),
        "3:42 unknown-strategy stages[0].deploy.strategy",
    ),
    "an unknown strategy of a step": (
        deploying("steps: [{uses: deploy, with: {environment: dev, strategy: yolo}}]"),
        "3:63 unknown-strategy stages[0].steps[0].with.strategy",
    ),
    "an unknown argument": (
        deploying("steps: [{uses: deploy, with: {environment: dev, region: us}}]"),
        "3:53 unknown-argument stages[0].steps[0].with.region",
    ),
    "a condition of the step": (
        deploying("steps: [{uses: deploy, with: {environment: dev}, if: always()}]"),
        "3:54 conflicting-keys stages[0].steps[0].if",
    ),
    "a step behind it": (
        deploying("steps: [{uses: deploy, with: {environment: dev}}, {run: x}]"),
        "3:14 deploy-not-last stages[0].steps[0].uses",
    ),
    "two deployments": (
        deploying("deploy: dev", "steps: [{uses: deploy, with: {environment: dev}}]"),
        "4:14 deploy-not-last stages[0].steps[0].uses",
    ),
    "regions of a gate": (
        deploying("approval: {}", "environment: {name: dev, regions: [us]}"),
        "4:30 conflicting-keys stages[0].environment.regions",
    ),
    "a matrix in the environment": (
        deploying("matrix: {e: [dev]}", "deploy: '${{ matrix.e }}'"),
        "4:18 unknown-value stages[0].deploy",
    ),
    "a result of a stage in a step's environment": (
        deploying("steps: [{uses: deploy, with: {environment: '${{ stages.a.outputs.e }}'}}]"),
        "3:53 unknown-value stages[0].steps[0].with.environment",
    ),
    "a digest that is none": (
        deploying("deploy: {environment: dev, release: {image: a, digest: latest}}"),
        "3:60 bad-digest stages[0].deploy.release.digest",
    ),
    "an image without a digest": (
        deploying("deploy: {environment: dev, release: {image: a}}"),
        "3:41 missing-key stages[0].deploy.release",
    ),
    "a digest without an image": (
        deploying(f"deploy: {{environment: dev, release: {{digest: 'sha256:{'a' * 64}'}}}}"),
        "3:41 missing-key stages[0].deploy.release",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistake_is_found_where_it_is(case: str) -> None:
    source, expected = WRONG[case]
    assert found(source) == [expected]


def test_environment_that_delivery_does_not_have_is_refused() -> None:
    assert beside_delivery(deploying("deploy: production")) == []
    assert beside_delivery(deploying("deploy: prodution")) == ["3:13 unknown-environment stages[0].deploy"]
    (problem,) = read_pipeline(deploying("deploy: prodution").encode(), environments=KNOWN).problems
    assert problem.suggestion == "did you mean 'production'?"
    assert beside_delivery(STEP.replace("dev", "test")) == [
        "1:73 unknown-environment stages[0].steps[1].with.environment"
    ]


def test_environment_that_comes_of_an_expression_is_checked_when_its_value_is_known() -> None:
    source = deploying("deploy: '${{ branch }}'")
    assert beside_delivery(source, branch="dev") == []
    assert beside_delivery(source, branch="x") == ["3:13 unknown-environment stages[0].deploy"]


def test_region_that_the_environment_does_not_have_is_refused() -> None:
    lines = ("environment: {name: dev, regions: [us, eu]}", "deploy: {}")
    assert beside_delivery(deploying(*lines)) == ["3:44 unknown-region stages[0].environment.regions[1]"]


def test_region_of_an_environment_that_is_wrong_itself_is_not_judged() -> None:
    assert beside_delivery(deploying("environment: {name: broken, regions: ap}", "deploy: {}")) == []


def test_without_a_delivery_file_any_environment_may_be_meant() -> None:
    assert problems_of(deploying("deploy: anything")) == ()


def warnings_beside_delivery(source: str) -> tuple[str, ...]:
    plan = read_pipeline(source.encode(), environments=KNOWN).compile(CompileContext(app="shop", commit="c" * 40))
    assert isinstance(plan, Plan)
    return plan.warnings


def test_steps_that_go_to_an_environment_say_in_which_regions() -> None:
    plan = planned(stage("environment: {name: production, regions: [eu]}"))
    assert plan.stages[0] == StagePlan("a", plan.stages[0].jobs, environment="production", regions=("eu",))
    assert planned(stage("environment: production")).stages[0].regions == ()
    both = last(deploying("environment: {name: production, regions: [eu]}", "deploy: {}"))
    assert (both.regions, both.deploy) == ((), DeployPlan("production", ("eu",)))


def test_environment_of_steps_that_nothing_declares_is_warned_of() -> None:
    assert any("anywhere" in warning for warning in planned(stage("environment: anywhere")).warnings)
    assert any("anywhere" in warning for warning in warnings_beside_delivery(stage("environment: anywhere")))
    assert warnings_beside_delivery(stage("environment: dev")) == ()
    assert planned(STEP).warnings == ()
    assert planned(deploying("approval: {}", "environment: anywhere")).warnings == ()


def test_region_of_steps_that_the_environment_does_not_have_is_refused() -> None:
    wrong = stage("environment: {name: dev, regions: [us, eu]}")
    assert beside_delivery(wrong) == ["4:44 unknown-region stages[0].environment.regions[1]"]
    unknown = stage("environment: {name: prodution, regions: [us]}")
    assert beside_delivery(unknown) == ["4:25 unknown-environment stages[0].environment.name"]
    assert beside_delivery(stage("environment: prodution")) == []


def test_deploy_step_at_the_wrong_place_says_where_it_belongs() -> None:
    problem = the_problem(deploying("steps: [{uses: deploy, with: {environment: dev}}, {run: x}]"))
    assert "end" in problem.suggestion
