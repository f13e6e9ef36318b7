"""A stage's matrix: reading it, and the combinations it stands for, as GitHub Actions counts them.

All combinations of the axes, minus those that an `exclude` entry fits; then each `include` entry is added to
every original combination whose axes it does not contradict, or stands alone where there is none.
"""

from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, Final

from core.pipeline.kinds import INVALID, Flag, Text, Whole, wrong_type
from core.pipeline.nodes import Mapping, Node, Sequence, child_path, quoted
from core.pipeline.report import Report, did_you_mean
from core.pipeline.shapes import Key, ListOf, MapOf
from core.pipeline.vocabulary import AXIS_NAME, SHORT

Combination = dict[str, str]

MAX_ENTRIES: Final = 500
_VALUE = Text(max_length=SHORT, what="a value")
_AXIS = ListOf(_VALUE, "values", single=True, at_least=1, at_most=4000, unique=True)
_ENTRIES = ListOf(MapOf(AXIS_NAME, _VALUE, "axis values", at_most=50), "combinations", at_most=MAX_ENTRIES)

KEYS: Final = (
    Key("include", _ENTRIES, "Further combinations, or values added to those that fit."),
    Key("exclude", _ENTRIES, "Combinations to leave out; an entry may name only some axes."),
    Key("max_parallel", Whole(1, 4000), "At most so many jobs at a time.", default="all"),
    Key("fail_fast", Flag(), "Whether one failed job cancels the others.", default="true"),
)
_KNOWN = {key.name: key.kind for key in KEYS}
_SPELLINGS = {"max-parallel": "max_parallel", "fail-fast": "fail_fast", "includes": "include", "excludes": "exclude"}


@dataclass(slots=True)
class Matrix:
    """The matrix as written. `keys` is every name that `matrix.` may be followed by."""

    node: Mapping
    path: str
    axes: dict[str, list[str]] = field(default_factory=dict)
    include: list[Combination] = field(default_factory=list)
    exclude: list[Combination] = field(default_factory=list)
    max_parallel: int | None = None
    fail_fast: bool = True

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys([*self.axes, *(key for entry in self.include for key in entry)]))

    @property
    def size(self) -> int:
        """An upper bound of the number of jobs, without building anything."""
        return (prod(map(len, self.axes.values())) if self.axes else 0) + len(self.include)

    def combinations(self) -> list[Combination]:
        """All of them, in the order of the axes. Each has the names that apply to it."""
        original = [dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values())]
        left_out = _by_keys(self.exclude)
        kept = [c for c in original if not any(_chosen(c, keys) in some for keys, some in left_out.items())]
        kept = kept if self.axes else []
        added: list[Combination] = []
        extended = [dict(combination) for combination in kept]
        places: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = {}
        for entry in self.include:
            keys = tuple(name for name in entry if name in self.axes)
            if keys not in places:
                places[keys] = {}
                for index, combination in enumerate(kept):
                    places[keys].setdefault(_chosen(combination, keys), []).append(index)
            hits = places[keys].get(_chosen(entry, keys), [])
            for index in hits:
                extended[index].update(entry)
            if not hits:
                added.append(dict(entry))
        return extended + added


def _by_keys(entries: list[Combination]) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """The entries that name the same axes together: hundreds of them are one look-up for each combination."""
    found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for entry in entries:
        found.setdefault(tuple(entry), set()).add(tuple(entry.values()))
    return found


def _chosen(combination: Combination, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(combination[key] for key in keys)


@dataclass(frozen=True)
class MatrixKind:
    """The value of `matrix`: free axis names beside four fixed keys."""

    label: str = "[matrix](#matrix)"

    def read(self, node: Node, path: str, report: Report) -> Any:
        if not isinstance(node, Mapping):
            return wrong_type(node, path, report, "a map of axes", "write 'axis: [value, value]' lines")
        matrix = Matrix(node, path)
        # Every entry is read, so that all of its problems are told.
        read = [self._entry(matrix, key.text, item, report) for key, item in node.entries()]
        clean = all(read)
        if clean and not matrix.axes and not matrix.include:
            report.add(node, "empty-matrix", "the matrix has no axes and no 'include'", path)
            return INVALID
        return matrix if clean and _check_exclude(matrix, report) else INVALID

    def _entry(self, matrix: Matrix, name: str, item: Node, report: Report) -> bool:
        path = child_path(matrix.path, name)
        key = matrix.node.keys[name]
        if name in _SPELLINGS:
            hint = f"did you mean '{_SPELLINGS[name]}'?"
            report.add(key, "unknown-key", f"{quoted(name)} is no axis; {hint}", path, hint)
            return False
        if name not in _KNOWN and AXIS_NAME.read(key, path, report) is INVALID:
            return False
        value = _KNOWN.get(name, _AXIS).read(item, path, report)
        if value is INVALID:
            return False
        if name in _KNOWN:
            setattr(matrix, name, value)
        else:
            matrix.axes[name] = value
        return True

    def schema(self) -> dict[str, Any]:
        properties = {key.name: key.kind.schema() | {"description": key.doc} for key in KEYS}
        return {"type": "object", "properties": properties, "additionalProperties": _AXIS.schema(), "minProperties": 1}


def _check_exclude(matrix: Matrix, report: Report) -> bool:
    """An entry that can't fit anything is a slip of the pen."""
    node = matrix.node.values.get("exclude")
    for index, entry in enumerate(matrix.exclude):
        for name, value in entry.items():
            path = child_path(f"{matrix.path}.exclude[{index}]", name)
            place = node.items[index] if isinstance(node, Sequence) else matrix.node
            if name not in matrix.axes:
                hint = did_you_mean(name, matrix.axes)
                report.add(
                    place, "unknown-axis", f"unknown axis {quoted(name)} in exclude; {hint}".rstrip("; "), path, hint
                )
                return False
            if value not in matrix.axes[name]:
                hint = did_you_mean(value, matrix.axes[name])
                message = f"axis '{name}' has no value {quoted(value)}; {hint}".rstrip("; ")
                report.add(place, "unknown-axis-value", message, path, hint)
                return False
    return True
