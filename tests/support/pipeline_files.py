"""Pipeline files for tests: read, compiled, and what is wrong with them in short."""

from typing import Any

from core.pipeline.context import CompileContext
from core.pipeline.document import read_pipeline
from core.pipeline.plan import JobPlan, Plan
from core.pipeline.problems import Problem

STAGES = "stages: [{name: a, steps: [{run: x}]}]\n"


def problems_of(source: str | bytes) -> tuple[Problem, ...]:
    return read_pipeline(source.encode() if isinstance(source, str) else source).problems


def found(source: str | bytes) -> list[str]:
    """`line:column code path` of each problem."""
    return [f"{p.line}:{p.column} {p.code} {p.path}".strip() for p in problems_of(source)]


def the_problem(source: str | bytes) -> Problem:
    """The only one."""
    problems = problems_of(source)
    assert len(problems) == 1, problems
    return problems[0]


def compiled(source: str | bytes, **context: Any) -> Plan | tuple[Problem, ...]:
    document = read_pipeline(source.encode() if isinstance(source, str) else source)
    return document.compile(CompileContext(**{"app": "shop", "commit": "c" * 40, "branch": "main"} | context))


def planned(source: str | bytes, **context: Any) -> Plan:
    plan = compiled(source, **context)
    assert isinstance(plan, Plan), plan
    return plan


def only_job(source: str | bytes, **context: Any) -> JobPlan:
    """The first job of the last stage."""
    return planned(source, **context).stages[-1].jobs[0]


def stage(*lines: str, before: str = "") -> str:
    """A file whose only stage `a` has these further lines (a step is there already)."""
    return before + "stages:\n  - name: a\n    steps: [{run: x}]\n" + "".join(f"    {line}\n" for line in lines)
