"""What expressions may name at a place of the file, and of which type it is."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from core.pipeline.checks import Graph, stage_name
from core.pipeline.dag import Earlier
from core.pipeline.expression_types import Type
from core.pipeline.inputs import declared_inputs
from core.pipeline.matrix import Matrix
from core.pipeline.nodes import Mapping, quoted
from core.pipeline.references import Reference
from core.pipeline.report import did_you_mean
from core.pipeline.values import Section
from core.pipeline.vocabulary import FIXED_KEYS

_WORDS = {
    "matrix": "this stage's matrix has no axis",
    "inputs": "trigger.manual.inputs has no input",
    "env": "the pipeline's env has no variable",
}
_INPUT_TYPES: dict[str, Type] = {"number": "number", "boolean": "true or false"}
_OF_A_STAGE = ("outcome", "outputs")


class Slip(NamedTuple):
    code: str
    message: str
    suggestion: str


class Scope:
    """`names`: for each root with fixed names, these names; a root that is missing there is not judged."""

    def __init__(self, names: dict[str, list[str]], inputs: dict[str, Section], earlier: Earlier, stage: str) -> None:
        self._names = names
        self._inputs = inputs
        self._earlier = earlier
        self._stage = stage

    def slips(self, reference: Reference, contexts: frozenset[str]) -> Iterator[Slip]:
        """What is wrong with the name; `contexts` are the roots that may be named here."""
        root, path = reference.root, reference.path
        if root not in contexts:
            known = sorted(contexts)
            hint = did_you_mean(root, known) or f"known here: {', '.join(known)}"
            yield Slip("unknown-value", f"unknown value {quoted(root)} in an expression", hint)
        elif root == "stages":
            yield from self._stage_slips(path)
        elif root in self._names and path and path[0] not in self._names[root]:
            words = _WORDS.get(root, f"'{root}' has no")
            listed = f"there is: {', '.join(self._names[root][:10]) or 'none'}"
            hint = did_you_mean(path[0], self._names[root]) or listed
            yield Slip("unknown-value", f"{words} {quoted(path[0])}", hint)

    def type_of(self, reference: Reference) -> Type | None:
        """The type of the value; None for what is a map, or unknown."""
        root, path = reference.root, reference.path
        match root, path:
            case ("stages", (_, "outcome")) | ("stages", (_, "outputs", _)):
                return "text"
            case ("env" | "matrix", (_,)):
                return "text"
            case ("inputs", (name,)):
                given = self._inputs.get(name)
                return _INPUT_TYPES.get(given.get("type", "string"), "text") if given is not None else None
            case ("run" | "pull_request", (name,)):
                return "number" if name == "number" else "text"
            case (_, ()) if root not in ("stages", "env", "matrix", "inputs", "run", "pull_request"):
                return "text"
        return None

    def _stage_slips(self, path: tuple[str, ...]) -> Iterator[Slip]:
        if not path:
            yield Slip("unknown-value", "'stages' is followed by a stage's name: stages.build.outcome", "")
            return
        if path[0] not in self._earlier.stages:
            hint = did_you_mean(path[0], self._earlier.stages)
            yield Slip("unknown-stage", f"unknown stage {quoted(path[0])} in an expression; {hint}".rstrip("; "), hint)
        elif not self._earlier.comes_before(path[0], self._stage):
            message = f"stage '{path[0]}' does not come before this one, so its results are not known"
            yield Slip("stage-not-needed", message, f"add '{path[0]}' to needs")
        if len(path) > 1 and path[1] not in _OF_A_STAGE:
            hint = did_you_mean(path[1], _OF_A_STAGE) or "a stage has 'outcome' and 'outputs'"
            yield Slip("unknown-value", f"a stage has no {quoted(path[1])}", hint)


class Scopes:
    """The scopes of one file."""

    def __init__(self, root: Section, graph: Graph) -> None:
        self._earlier = Earlier(graph)
        self._inputs = declared_inputs(root.get("trigger"))
        self._names: dict[str, list[str]] = {root: list(names) for root, names in FIXED_KEYS.items()}
        self._names["inputs"] = _written(root, ("trigger", "manual", "inputs"))
        self._names["env"] = _written(root, ("env",)) + _written(root, ("defaults", "env"))

    def of_the_run(self) -> Scope:
        """Outside of stages."""
        return Scope(self._names, self._inputs, self._earlier, "")

    def of_stage(self, stage: Section) -> Scope:
        matrix = stage.get("matrix")
        names: dict[str, list[str]] = {**self._names, "matrix": []}
        if isinstance(matrix, Matrix):
            names["matrix"] = matrix.keys
        elif stage.has("matrix"):
            # It was wrong, and is reported; what it would have named is anybody's guess.
            del names["matrix"]
        return Scope(names, self._inputs, self._earlier, stage_name(stage))


def _written(root: Section, path: tuple[str, ...]) -> list[str]:
    """The names as the author wrote them, right or wrong, so that one mistake is not told twice."""
    here: Any = root.node
    for name in path:
        here = here.values.get(name) if isinstance(here, Mapping) else None
    return list(here.values) if isinstance(here, Mapping) else []
