"""The one way to read a pipeline file: `sealane lint`, the webhook path and `sealane run --local` all call this."""

from dataclasses import dataclass

from core.pipeline.checks import check_document
from core.pipeline.compile import Compiler, schedules_of
from core.pipeline.context import CompileContext
from core.pipeline.expression_checks import ExpressionChecks
from core.pipeline.expressions import ExpressionError
from core.pipeline.inputs import declared_inputs, input_of, resolve_inputs
from core.pipeline.language import PIPELINE
from core.pipeline.parse import parse
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.pipeline.report import Report
from core.pipeline.trigger import TriggerSpec
from core.pipeline.values import Section


@dataclass(frozen=True)
class Document:
    """A pipeline file that was read. With `problems` there is nothing to compile; without, `trigger` is set."""

    file: str
    problems: tuple[Problem, ...]
    trigger: TriggerSpec
    root: Section | None

    def compile(self, context: CompileContext) -> Plan | tuple[Problem, ...]:
        """The plan for one commit, or what is wrong with the file (or with the inputs of this run)."""
        if self.problems or self.root is None:
            return self.problems
        report = Report(self.file)
        declared = declared_inputs(self.root.get("trigger"))
        inputs = resolve_inputs(declared, context.inputs, context.event == "manual", report)
        if not report.clean:
            return report.problems()
        try:
            return Compiler(self.root, context, inputs).plan()
        except ExpressionError as error:
            return (Problem(error.code, error.message, 1, 1, suggestion=error.suggestion, file=self.file),)


def read_pipeline(source: bytes, file: str = ".pipeline.yml") -> Document:
    """Never raises: whatever is wrong with the file is in `problems`, each with its line."""
    report = Report(file)
    root = parse(source, report)
    section = PIPELINE.read(root, "", report) if root is not None else None
    if not isinstance(section, Section):
        return Document(file, report.problems(), TriggerSpec(), None)
    graph = check_document(section, report)
    ExpressionChecks(section, graph, report).run()
    return Document(file, report.problems(), _trigger_spec(section.get("trigger")), section)


def _trigger_spec(trigger: Section | None) -> TriggerSpec:
    if trigger is None:
        return TriggerSpec()
    return TriggerSpec(
        branches=_globs(trigger, "branches"),
        tags=_globs(trigger, "tags"),
        paths=_globs(trigger, "paths"),
        paths_ignore=_globs(trigger, "paths_ignore"),
        pull_requests=trigger.get("pull_requests", False),
        schedules=schedules_of(trigger),
        inputs={name: input_of(given) for name, given in declared_inputs(trigger).items()},
        absent=False,
    )


def _globs(trigger: Section, key: str) -> tuple[str, ...] | None:
    return tuple(trigger.get(key)) if key in trigger else None
