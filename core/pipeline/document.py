"""The one way to read a pipeline file: `sealane lint`, the webhook path and `sealane run --local` all call this."""

from dataclasses import dataclass

from core.pipeline.compile import Compiler
from core.pipeline.context import CompileContext
from core.pipeline.deploying import Environments
from core.pipeline.expression_checks import check_everything
from core.pipeline.inputs import declared_inputs, resolve_inputs
from core.pipeline.language import PIPELINE
from core.pipeline.parse import parse
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.pipeline.report import Report
from core.pipeline.trigger_reading import TriggerSpec, trigger_spec
from core.pipeline.values import Section


@dataclass(frozen=True)
class Document:
    """A pipeline file that was read. With `problems` there is nothing to compile; without, `trigger` is set."""

    file: str
    problems: tuple[Problem, ...]
    trigger: TriggerSpec
    root: Section | None
    environments: Environments | None = None

    def compile(self, context: CompileContext) -> Plan | tuple[Problem, ...]:
        """The plan for one commit, or what is wrong with the file (or with the inputs of this run)."""
        if self.problems or self.root is None:
            return self.problems
        report = Report(self.file)
        declared = declared_inputs(self.root.get("trigger"))
        inputs = resolve_inputs(declared, context.inputs, context.event == "manual", report)
        plan = Compiler(self.root, context, inputs, report, self.environments).plan() if report.clean else None
        return plan if plan is not None and report.clean else report.problems()


def read_pipeline(source: bytes, file: str = ".pipeline.yml", environments: Environments | None = None) -> Document:
    """Never raises: whatever is wrong with the file is in `problems`, each with its line.

    `environments` are those of the `delivery.yml` beside it: without one, any may be deployed to.
    """
    report = Report(file)
    root = parse(source, report)
    section = PIPELINE.read(root, "", report) if root is not None else None
    if not isinstance(section, Section):
        return Document(file, report.problems(), TriggerSpec(), None)
    check_everything(section, environments, report)
    return Document(file, report.problems(), trigger_spec(section.get("trigger")), section, environments)
