"""The `delivery.yml` at the commit of a run: taken over, refused, or left alone."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from core.environments.settings import EnvironmentSettings, ProcessTarget
from core.runs.commands import InvalidateRun, PlanRun
from gateway.cli.main import make_cli
from tests.support.definition_world import World

BUILD = "stages: [{name: build, steps: [{run: x}]}]\n"
DEPLOY = "stages: [{name: live, deploy: live}]\n"
DELIVERY = "environments: {live: {regions: us-east, target: {process: ./serve}}}\n"
WRONG = "environments: {live: {regions: us-east, strategy: canari}}\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def answered(world: World, pipeline: str, delivery: str | None, path: str = ".pipeline.yml") -> PlanRun | InvalidateRun:
    files = {path.replace("/", "__"): pipeline}
    if delivery is not None:
        files[path.replace(".pipeline.yml", "delivery.yml").replace("/", "__")] = delivery
    answer = world.answer(world.requested(commit=world.tree.commit(**files), pipeline_path=path))
    assert isinstance(answer, PlanRun | InvalidateRun)
    return answer


def codes(answer: PlanRun | InvalidateRun) -> list[tuple[str, str]]:
    assert isinstance(answer, InvalidateRun)
    return [(problem.file, problem.code) for problem in answer.problems]


def test_environments_come_with_the_plan(world: World) -> None:
    answer = answered(world, DEPLOY, DELIVERY)
    assert isinstance(answer, PlanRun)
    assert answer.environments == (EnvironmentSettings("live", ("us-east",), ProcessTarget("./serve")),)


def test_without_the_file_there_are_none(world: World) -> None:
    answer = answered(world, DEPLOY, None)
    assert isinstance(answer, PlanRun)
    assert answer.environments == ()


def test_file_stands_beside_the_pipeline(world: World) -> None:
    answer = answered(world, DEPLOY, DELIVERY, "shop/.pipeline.yml")
    assert isinstance(answer, PlanRun)
    assert [each.name for each in answer.environments or ()] == ["live"]


def test_wrong_file_makes_a_run_that_deploys_invalid(world: World) -> None:
    assert codes(answered(world, DEPLOY, WRONG)) == [("delivery.yml", "unknown-strategy")]


def test_wrong_file_lets_other_runs_go_and_they_say_so(world: World) -> None:
    answer = answered(world, BUILD, WRONG)
    assert isinstance(answer, PlanRun)
    assert answer.environments is None
    assert any("delivery.yml:1:51" in warning and "canari" in warning for warning in answer.plan.warnings)


def test_environment_that_the_file_does_not_have_makes_the_run_invalid(world: World) -> None:
    assert codes(answered(world, DEPLOY.replace("deploy: live", "deploy: life"), DELIVERY)) == [
        (".pipeline.yml", "unknown-environment")
    ]


def test_file_of_another_app_is_not_taken_over(world: World) -> None:
    assert codes(answered(world, DEPLOY, "app: cart\n" + DELIVERY)) == [("delivery.yml", "wrong-app")]


def test_file_with_nearly_the_name_is_not_passed_over(world: World) -> None:
    files = {".pipeline.yml": DEPLOY, "delivery.yaml": DELIVERY}
    answer = world.answer(world.requested(commit=world.tree.commit(**files)))
    assert isinstance(answer, InvalidateRun)
    assert codes(answer) == [("delivery.yml", "delivery-missing")]
    assert answer.problems[0].suggestion == "there is 'delivery.yaml': rename it"


def test_folder_in_its_place_is_a_problem(world: World) -> None:
    world.tree.commit(delivery_yml="x")
    (world.tree.path / "delivery_yml").rename(world.tree.path / "x")
    (world.tree.path / "delivery.yml").mkdir()
    (world.tree.path / "x").rename(world.tree.path / "delivery.yml" / "x")
    assert codes(answered(world, DEPLOY, None)) == [("delivery.yml", "delivery-is-folder")]


@pytest.mark.parametrize("pipeline", [BUILD, DEPLOY, "stages: [{name: a, deploy: life}]\n", "stages: 5\n"])
@pytest.mark.parametrize("delivery", [DELIVERY, WRONG, "environments:\n", "[\n"])
def test_lint_and_push_say_the_same_of_both_files(world: World, pipeline: str, delivery: str, tmp_path: Path) -> None:
    answer = answered(world, pipeline, delivery)
    folder = tmp_path / "checked"
    folder.mkdir()
    (folder / ".pipeline.yml").write_text(pipeline)
    (folder / "delivery.yml").write_text(delivery)
    printed = CliRunner().invoke(make_cli(), ["lint", "--json", str(folder / ".pipeline.yml")])
    said = [problem | {"file": Path(problem["file"]).name} for problem in json.loads(printed.output)["problems"]]
    if isinstance(answer, PlanRun):
        assert said == [] or answer.environments is None
        return
    told = [msgspec.to_builtins(problem) for problem in answer.problems]
    assert [{"file": ".pipeline.yml"} | problem for problem in told] == said
