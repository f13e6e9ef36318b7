"""`sealane lint` on a folder: the pipeline file, the delivery.yml beside it, or one of them by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.errors import Exit
from gateway.cli.main import make_cli

PIPELINE = "stages: [{name: a, deploy: prod}]\n"
DELIVERY = "environments: {prod: {regions: us}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".pipeline.yml").write_text(PIPELINE)
    (tmp_path / "delivery.yml").write_text(DELIVERY)
    return tmp_path


def lint(*arguments: object) -> Result:
    return CliRunner().invoke(make_cli(), ["lint", *map(str, arguments)])


def report(*arguments: object) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(lint("--json", *arguments).stdout)
    return read


def test_both_files_are_sound(folder: Path) -> None:
    done = lint(folder / ".pipeline.yml")
    assert done.exit_code == 0
    assert done.stdout.count("no problems") == 2


def test_problems_of_both_files_are_told_at_once(folder: Path) -> None:
    (folder / ".pipeline.yml").write_text("stages: [{name: a, deploy: pord}]\n")
    (folder / "delivery.yml").write_text("environments: {prod: {regions: us, risk: none}}\n")
    said = report(folder / ".pipeline.yml")
    assert said["valid"] is False
    assert [(Path(p["file"]).name, p["code"]) for p in said["problems"]] == [
        (".pipeline.yml", "unknown-environment"),
        ("delivery.yml", "unknown-word"),
    ]
    assert lint(folder / ".pipeline.yml").exit_code == Exit.INVALID_INPUT


def test_delivery_file_is_checked_by_its_name(folder: Path) -> None:
    (folder / ".pipeline.yml").unlink()
    said = report(folder / "delivery.yml")
    assert (said["valid"], said["files"]) == (True, [str(folder / "delivery.yml")])


def test_pipeline_without_a_delivery_file_may_deploy_anywhere(folder: Path) -> None:
    (folder / "delivery.yml").unlink()
    assert report(folder / ".pipeline.yml")["valid"] is True


@pytest.mark.parametrize("name", ["delivery.yaml", "Delivery.yml"])
def test_delivery_file_with_nearly_the_name_is_not_passed_over(folder: Path, name: str) -> None:
    (folder / "delivery.yml").rename(folder / name)
    done = lint(folder / ".pipeline.yml")
    assert done.exit_code == Exit.INVALID_INPUT
    assert f"there is '{name}': rename it" in done.stdout
