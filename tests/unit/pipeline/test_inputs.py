"""Inputs of a manual run: typed, with defaults, checked in the file and again when they are given."""

import pytest

from core.pipeline.problems import Problem
from tests.support.pipeline_files import STAGES, compiled, found, only_job, planned

FILE = """\
trigger:
  manual:
    inputs:
      name: {description: Whom to greet, default: world}
      count: {type: number, default: 3}
      dry: {type: boolean}
      target: {type: choice, options: [staging, production], default: staging}
      ticket: {required: true}
"""


def declared(line: str) -> list[str]:
    return [entry.partition(" ")[2] for entry in found(f"trigger: {{manual: {{inputs: {{x: {line}}}}}}}\n{STAGES}")]


def refused(**inputs: str) -> list[Problem]:
    answer = compiled(FILE + STAGES, event="manual", inputs=inputs)
    assert isinstance(answer, tuple), answer
    return list(answer)


def test_defaults_and_given_values_have_their_types() -> None:
    plan = planned(FILE + STAGES, event="manual", inputs={"count": "-2.5", "dry": "true", "ticket": "T-1"})
    assert plan.values["inputs"] == {
        "name": "world",
        "count": -2.5,
        "dry": True,
        "target": "staging",
        "ticket": "T-1",
    }


def test_run_that_nobody_started_by_hand_takes_defaults_and_needs_nothing() -> None:
    inputs = planned(FILE + STAGES, event="push").values["inputs"]
    assert inputs == {"name": "world", "count": 3, "dry": False, "target": "staging", "ticket": ""}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "input-missing"),
        ({"ticket": "x", "count": "three"}, "bad-input"),
        ({"ticket": "x", "count": "nan"}, "bad-input"),
        ({"ticket": "x", "count": "1e999"}, "bad-input"),
        ({"ticket": "x", "count": "9" * 400}, "bad-input"),
        ({"ticket": "x", "count": "²"}, "bad-input"),
        ({"ticket": "x", "count": ""}, "bad-input"),
        ({"ticket": "x", "dry": "yes"}, "bad-input"),
        ({"ticket": "x", "target": "prod"}, "bad-input"),
        ({"ticket": "x\0y"}, "bad-input"),
        ({"ticket": "x" * 10_001}, "bad-input"),
        ({"ticket": "x", "nmae": "y"}, "unknown-input"),
    ],
)
def test_unfit_input_is_refused(given: dict[str, str], code: str) -> None:
    assert [problem.code for problem in refused(**given)] == [code]


def test_every_unfit_input_is_told_at_once() -> None:
    assert len(refused(count="x", dry="x", target="x", other="x")) == 5


def test_near_miss_is_answered_with_the_right_word() -> None:
    assert refused(ticket="x", target="productoin")[0].suggestion == "did you mean 'production'?"
    assert refused(ticket="x", nmae="y")[0].suggestion == "did you mean 'name'?"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{type: number, default: many}", "bad-default trigger.manual.inputs.x.default"),
        ("{type: number, default: .inf}", "bad-default trigger.manual.inputs.x.default"),
        ("{type: boolean, default: maybe}", "bad-default trigger.manual.inputs.x.default"),
        ("{type: choice, options: [a], default: b}", "bad-default trigger.manual.inputs.x.default"),
        ("{type: choice}", "missing-key trigger.manual.inputs.x"),
        ("{type: choice, options: []}", "empty-list trigger.manual.inputs.x.options"),
        ("{type: choice, options: [a, a]}", "duplicate-item trigger.manual.inputs.x.options[1]"),
        ("{options: [a]}", "conflicting-keys trigger.manual.inputs.x.options"),
        ("{type: integer}", "unknown-word trigger.manual.inputs.x.type"),
        ("{required: yes}", "wrong-type trigger.manual.inputs.x.required"),
        ("text", "wrong-type trigger.manual.inputs.x"),
    ],
)
def test_wrong_declaration_is_found_by_lint(line: str, expected: str) -> None:
    assert declared(line) == [expected]


@pytest.mark.parametrize(
    "line", ["{type: number, default: -1.5}", "{type: boolean, default: true}", "{default: ''}", "{}"]
)
def test_sound_declaration_is_accepted(line: str) -> None:
    assert declared(line) == []


def test_input_reaches_a_script_as_a_variable_only() -> None:
    steps = "stages: [{name: a, steps: [{run: 'echo \"${{ inputs.name }}\"'}]}]\n"
    step = only_job(FILE + steps, event="manual", inputs={"ticket": "x", "name": "$(touch pwned)"}).steps[0]
    assert step.run == 'echo "${SEALANE_EXPR_1}"'
    assert step.env == {"SEALANE_EXPR_1": "$(touch pwned)"}
