"""Every example is a sound pipeline, and listed; the first one of the documentation is as it is written there."""

from pathlib import Path

import pytest

from core.delivery_file.document import read_delivery
from core.pipeline.context import CompileContext
from core.pipeline.document import read_pipeline
from core.pipeline.plan import Plan

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = {file.parent.name: file for file in sorted(EXAMPLES.glob("*/.pipeline.yml"))}
FIRST = """\
name: Build and Deploy
trigger:
  branches: [main, develop]

stages:
  - name: build
    steps:
      - name: checkout
        uses: git-checkout
      - name: install
        run: npm install
      - name: test
        run: npm test
      - name: docker-build
        run: docker build -t myapp:$BUILD_ID .
  - name: deploy
    needs: [build]
    environment: production
    steps:
      - name: deploy
        run: kubectl apply -f k8s/
"""


@pytest.mark.parametrize("name", FILES)
def test_example_has_no_problem_and_compiles(name: str) -> None:
    document = read_pipeline(FILES[name].read_bytes(), str(FILES[name]))
    assert document.problems == ()
    plan = document.compile(CompileContext(app=name, commit="c" * 40, branch="main", event="manual"))
    assert isinstance(plan, Plan)
    assert all(stage.jobs or stage.deploy for stage in plan.stages)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/delivery.yml")), ids=lambda file: file.parent.name)
def test_delivery_of_an_example_has_no_problem_and_no_warning(file: Path) -> None:
    delivery = read_delivery(file.read_bytes(), app=file.parent.name)
    assert (delivery.problems, delivery.warnings) == ((), ())
    pipeline = read_pipeline(FILES[file.parent.name].read_bytes(), environments=delivery.regions)
    assert pipeline.problems == ()


def test_every_example_is_listed() -> None:
    page = (EXAMPLES / "README.md").read_text()
    assert [name for name in FILES if f"({name}/.pipeline.yml)" not in page] == []


def test_first_example_is_what_users_already_have() -> None:
    assert FILES["build-and-deploy"].read_text() == FIRST
