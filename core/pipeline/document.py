"""The one way to read a pipeline file: `sealane lint`, the webhook path and `sealane run --local` all call this."""

from dataclasses import dataclass

from core.pipeline.context import CompileContext
from core.pipeline.nodes import Mapping, Node, Scalar, Sequence
from core.pipeline.parse import parse
from core.pipeline.plan import JobPlan, Need, Plan, StagePlan, Step
from core.pipeline.problems import Problem
from core.pipeline.report import Report
from core.pipeline.trigger import TriggerSpec


@dataclass(frozen=True)
class Document:
    """A pipeline file that was read. With `problems` there is nothing to compile; without, `trigger` is set."""

    file: str
    problems: tuple[Problem, ...]
    trigger: TriggerSpec
    root: Mapping | None

    def compile(self, context: CompileContext) -> Plan | tuple[Problem, ...]:
        """The plan for one commit, or what is wrong with the file (or with the inputs of this run)."""
        if self.problems or self.root is None:
            return self.problems
        stages = tuple(_stage(node) for node in _items(self.root, "stages"))
        return Plan(name=_text(self.root, "name") or context.app, stages=stages)


def read_pipeline(source: bytes, file: str = ".pipeline.yml") -> Document:
    """Never raises: whatever is wrong with the file is in `problems`, each with its line."""
    report = Report(file)
    root = parse(source, report)
    return Document(file, report.problems(), TriggerSpec(), root)


def _stage(node: Mapping) -> StagePlan:
    name = _text(node, "name") or ""
    steps = tuple(
        Step(
            name=_text(step, "name") or "",
            run=_text(step, "run"),
            uses=_text(step, "uses"),
        )
        for step in _items(node, "steps")
    )
    needs = node.values.get("needs")
    names = [item.text for item in needs.items if isinstance(item, Scalar)] if isinstance(needs, Sequence) else []
    job = JobPlan(id=name, name=name, steps=steps)
    return StagePlan(
        name=name,
        jobs=(job,),
        needs=tuple(Need(n) for n in names),
        environment=_text(node, "environment"),
    )


def _items(node: Mapping, key: str) -> list[Mapping]:
    value: Node | None = node.values.get(key)
    return [item for item in value.items if isinstance(item, Mapping)] if isinstance(value, Sequence) else []


def _text(node: Mapping, key: str) -> str | None:
    value = node.values.get(key)
    return value.text if isinstance(value, Scalar) else None
