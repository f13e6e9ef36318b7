"""Checks that look at several keys together: names, needs, cycles, steps, sizes. All problems are reported."""

from collections.abc import Iterable
from typing import Final

from core.pipeline.actions import check_action, check_directory
from core.pipeline.dag import cycles
from core.pipeline.deploying import Environments, check_deploy, desugar
from core.pipeline.inputs import check_input
from core.pipeline.matrix import Matrix
from core.pipeline.report import Report
from core.pipeline.values import Name, Section
from core.pipeline.vocabulary import RESERVED_PREFIX, RESERVED_VARIABLES

MAX_JOBS: Final = 4_000
Graph = dict[str, tuple[str, ...]]


def check_document(root: Section, known: Environments | None, report: Report) -> Graph:
    """Everything but expressions; answers with the graph of the stages as far as it makes sense."""
    desugar(root, report)
    stages: list[Section] = root.get("stages", [])
    _check_trigger(root.get("trigger"), report)
    _check_names(stages, report)
    graph = _check_needs(stages, report)
    for stage in stages:
        _check_stage(stage, known, report)
    _check_size(root, stages, report)
    for section in _with_env(root, stages):
        _check_variables(section, report)
    return graph


def stage_name(stage: Section) -> str:
    name = stage.get("name")
    return name.text if isinstance(name, Name) else ""


def needs_of(stage: Section) -> list[tuple[Name, bool]]:
    """(stage, allow_failure) of each need."""
    found = []
    for need in stage.get("needs", []):
        if isinstance(need, Name):
            found.append((need, False))
        elif isinstance(need, Section) and isinstance(need.get("stage"), Name):
            found.append((need.get("stage"), bool(need.get("allow_failure", False))))
    return found


def _check_trigger(trigger: Section | None, report: Report) -> None:
    if trigger is None:
        return
    if trigger.has("paths") and trigger.has("paths_ignore"):
        message = "'paths' and 'paths_ignore' can't stand together; negate globs with '!' instead"
        report.add(trigger.place("paths_ignore"), "conflicting-keys", message, trigger.path_of("paths_ignore"))
    manual = trigger.get("manual")
    inputs = manual.get("inputs", {}) if isinstance(manual, Section) else {}
    for name, given in inputs.items():
        check_input(name, given, report)


def _check_names(stages: Iterable[Section], report: Report) -> None:
    first: dict[str, Name] = {}
    for stage in stages:
        name = stage.get("name")
        if not isinstance(name, Name):
            continue
        if name.text in first:
            message = f"there are two stages '{name.text}' (the first is in line {first[name.text].node.line})"
            report.add(name.node, "duplicate-stage", message, name.path, "give it another name")
        first.setdefault(name.text, name)


def _check_needs(stages: list[Section], report: Report) -> Graph:
    known = {stage_name(stage) for stage in stages} - {""}
    graph: Graph = {}
    places: dict[str, Section] = {}
    for stage in stages:
        name = stage_name(stage)
        needs = []
        for need, _ in needs_of(stage):
            if need.text == name:
                report.add(need.node, "self-need", f"stage '{name}' needs itself", need.path, "remove it")
            elif need.text not in known:
                report.unknown(need.node, "stage", need.path, known, "unknown-stage", " in needs")
            elif need.text in needs:
                report.add(need.node, "duplicate-item", f"'{need.text}' is needed twice", need.path, "remove one")
            else:
                needs.append(need.text)
        if name and name not in graph:
            graph[name], places[name] = tuple(needs), stage
    for cycle in cycles(graph):
        stage = places[cycle[0]]
        message = f"these stages wait for each other: {' -> '.join(cycle)}"
        report.add(stage.place("needs"), "cycle", message, stage.path_of("needs"), "take one of these needs away")
    return graph


def _check_stage(stage: Section, known: Environments | None, report: Report) -> None:
    if not (stage.has("steps") or stage.has("approval") or stage.has("deploy")):
        message = f"stage '{stage_name(stage)}' does nothing"
        report.add(
            stage.node, "missing-key", message, stage.path, "add 'steps:' or 'deploy:', or 'approval:' for a gate"
        )
    check_deploy(stage, known, report)
    for step in stage.get("steps", []):
        _check_step(step, report)


def _check_step(step: Section, report: Report) -> None:
    if step.has("run") and step.has("uses"):
        report.add(step.place("uses"), "conflicting-keys", "a step has 'run' or 'uses', not both", step.path_of("uses"))
    if not (step.has("run") or step.has("uses")):
        report.add(step.node, "missing-key", "a step needs 'run' or 'uses'", step.path, "add 'run: <script>'")
    if step.has("with") and not step.has("uses"):
        report.add(step.place("with"), "conflicting-keys", "'with' belongs to 'uses'", step.path_of("with"))
    if isinstance(step.get("uses"), str):
        check_action(step, report)
    check_directory(step.get("working_directory"), report)


def _check_size(root: Section, stages: Iterable[Section], report: Report) -> None:
    jobs = 0
    for stage in stages:
        matrix = stage.get("matrix")
        jobs += matrix.size if isinstance(matrix, Matrix) else 1
        if isinstance(matrix, Matrix) and matrix.size <= MAX_JOBS and not matrix.combinations():
            report.add(matrix.node, "empty-matrix", "'exclude' leaves no combination of the matrix", matrix.path)
    if jobs > MAX_JOBS:
        message = f"the pipeline has {jobs:,} jobs, at most {MAX_JOBS:,} are allowed"
        report.add(
            root.place("stages"), "too-many-jobs", message, "stages", "make the matrix smaller, or split the file"
        )


def _with_env(root: Section, stages: Iterable[Section]) -> Iterable[Section]:
    yield root
    if isinstance(root.get("defaults"), Section):
        yield root.get("defaults")
    for stage in stages:
        yield stage
        yield from stage.get("steps", [])


def _check_variables(section: Section, report: Report) -> None:
    env = section.node.values.get("env")
    for name in section.get("env", {}):
        if name in RESERVED_VARIABLES or name.startswith(RESERVED_PREFIX):
            place = getattr(env, "keys", {}).get(name, section.place("env"))
            message = f"'{name}' is set by Sealane and can't be changed"
            report.add(place, "reserved-variable", message, f"{section.path_of('env')}.{name}", "choose another name")
