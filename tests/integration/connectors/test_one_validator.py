"""`sealane lint` and a push say the same of a file: the same problems, in the same order, at the same places."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from core.pipeline.parse import MAX_BYTES
from core.runs.commands import InvalidateRun, PlanRun
from gateway.cli.main import make_cli
from tests.support.definition_world import World
from tests.support.pipeline_files import STAGES

FILES: dict[str, bytes] = {
    "sound": STAGES.encode(),
    "not YAML": b"stages:\n\t- a\n",
    "not UTF-8": b"name: caf\xe9\n",
    "empty": b"",
    "too large": b"#" * (MAX_BYTES + 1),
    "just too large": b"#" * MAX_BYTES,
    "many problems": (
        b"nmae: x\nstages:\n  - {name: a, needs: [b], timeout: -1, cache: {}, steps: [{run: '${{ x }} ${{ y }}'}]}\n"
        b"  - {name: a, if: branch, steps: []}\n"
    ),
    "cycle": b"stages: [{name: a, needs: [b], approval: {}}, {name: b, needs: [a], approval: {}}]\n",
    "too many jobs": f"stages: [{{name: a, matrix: {{x: {list(range(4001))}}}, steps: [{{run: x}}]}}]\n".encode(),
    "windows lines": b"stages:\r\n  - name: a\r\n    steps:\r\n      - run: |\r\n          ${{ oops }}\r\n",
}


@pytest.mark.parametrize("case", FILES)
def test_lint_and_push_give_the_same_answer(case: str, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tree.path.joinpath(".pipeline.yml").write_bytes(FILES[case])
    answer = world.answer(world.requested(commit=world.tree.commit()))
    file = tmp_path / "checked.yml"
    file.write_bytes(FILES[case])
    printed = CliRunner().invoke(make_cli(), ["lint", "--json", str(file)])
    said = json.loads(printed.output)
    if said["valid"]:
        assert printed.exit_code == 0
        assert isinstance(answer, PlanRun)
        return
    assert printed.exit_code == 6
    assert isinstance(answer, InvalidateRun)
    pushed = [msgspec.to_builtins(problem) for problem in answer.problems]
    assert [problem | {"file": ""} for problem in pushed] == [problem | {"file": ""} for problem in said["problems"]]
