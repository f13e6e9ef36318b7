"""Lists, maps and records of values: the other half of the description that validator and schema share."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Any

from core.pipeline.kinds import INVALID, Kind, wrong_type
from core.pipeline.nodes import Mapping, Node, Scalar, Sequence, child_path, quoted
from core.pipeline.report import Report, did_you_mean
from core.pipeline.values import Name, Section


@dataclass(frozen=True)
class ListOf:
    """A list; with `single` one item may stand without the brackets."""

    item: Kind
    what: str
    single: bool = False
    at_least: int = 0
    at_most: int = 1000
    unique: bool = False

    @property
    def label(self) -> str:
        return f"list of {self.item.label}" + (", or one" if self.single else "")

    def read(self, node: Node, path: str, report: Report) -> Any:
        if self.single and not isinstance(node, Sequence) and not (isinstance(node, Scalar) and node.is_null):
            value = self.item.read(node, path, report)
            return value if value is INVALID else [value]
        if not isinstance(node, Sequence):
            return wrong_type(node, path, report, f"a list of {self.what}")
        if not self.at_least <= len(node.items) <= self.at_most:
            self._bad_length(node, path, report)
            return INVALID
        read = [(item, self.item.read(item, f"{path}[{i}]", report)) for i, item in enumerate(node.items)]
        if self.unique:
            self._check_unique(read, path, report)
        return [value for _, value in read if value is not INVALID]

    def _bad_length(self, node: Sequence, path: str, report: Report) -> None:
        if not node.items:
            report.add(node, "empty-list", f"the list of {self.what} is empty; it needs at least {self.at_least}", path)
        else:
            message = f"{len(node.items):,} {self.what} are too many; at most {self.at_most:,} are allowed"
            report.add(node, "too-many-items", message, path)

    def _check_unique(self, read: list[tuple[Node, Any]], path: str, report: Report) -> None:
        seen: set[str] = set()
        for index, (node, value) in enumerate(read):
            text = value.text if isinstance(value, Name) else value
            if not isinstance(text, str):
                continue
            if text in seen:
                report.add(node, "duplicate-item", f"{quoted(text)} is listed twice", f"{path}[{index}]", "remove one")
            seen.add(text)

    def schema(self) -> dict[str, Any]:
        items = self.item.schema()
        array: dict[str, Any] = {"type": "array", "items": items, "maxItems": self.at_most}
        if self.at_least:
            array["minItems"] = self.at_least
        if self.unique:
            array["uniqueItems"] = True
        return {"anyOf": [array, items]} if self.single else array


@dataclass(frozen=True)
class MapOf:
    """A mapping with free keys, all of one kind."""

    key: Kind
    value: Kind
    what: str
    at_most: int = 500

    @property
    def label(self) -> str:
        return f"map of {self.key.label} to {self.value.label}"

    def read(self, node: Node, path: str, report: Report) -> Any:
        if not isinstance(node, Mapping):
            hint = "write 'KEY: value' lines instead of a list" if isinstance(node, Sequence) else ""
            return wrong_type(node, path, report, f"a map of {self.what}", hint)
        if len(node.keys) > self.at_most:
            message = f"{len(node.keys):,} {self.what} are too many; at most {self.at_most:,} are allowed"
            report.add(node, "too-many-items", message, path)
            return INVALID
        result: dict[str, Any] = {}
        for key, item in node.entries():
            place = child_path(path, key.text)
            name = self.key.read(key, place, report)
            value = self.value.read(item, place, report)
            if name is not INVALID and value is not INVALID:
                result[key.text] = value
        return result

    def schema(self) -> dict[str, Any]:
        key = {name: rule for name, rule in self.key.schema().items() if name != "type"}
        return {"type": "object", "propertyNames": key, "additionalProperties": self.value.schema()}


@dataclass(frozen=True)
class Key:
    """One key of a record. `aliases` are words of other systems that mean the same, for the suggestion.

    `instead` is set for what is not available yet: what to write until it is.
    """

    name: str
    kind: Kind
    doc: str
    required: bool = False
    default: str = ""
    aliases: tuple[str, ...] = ()
    instead: str = ""

    @property
    def available(self) -> bool:
        return not self.instead


@dataclass(frozen=True)
class Record:
    """A mapping with fixed keys. `what` is how messages call it; `short` reads what may stand instead of it."""

    what: str
    keys: tuple[Key, ...]
    title: str = ""
    doc: str = ""

    @property
    def label(self) -> str:
        return f"[{self.title.lower()}](#{self.title.lower().replace(' ', '-')})" if self.title else self.what

    def read(self, node: Node, path: str, report: Report) -> Any:
        if not isinstance(node, Mapping):
            return wrong_type(node, path, report, self.what)
        known = {key.name: key for key in self.keys}
        section = Section(node, path)
        for name, item in node.entries():
            place = child_path(path, name.text)
            if name.text not in known:
                self._unknown(name, place, report)
                continue
            value = self._value(known[name.text], name, item, place, report)
            if value is not INVALID:
                section.values[name.text] = value
        for key in self.keys:
            if key.required and key.name not in node.values:
                report.add(node, "missing-key", f"{self.what} needs the key '{key.name}'", path, f"add '{key.name}:'")
        return section

    def _value(self, key: Key, name: Scalar, item: Node, path: str, report: Report) -> Any:
        value = key.kind.read(item, path, report)
        if key.available:
            return value
        message = f"'{key.name}' is part of the language, but is not available yet"
        report.add(name, "not-available-yet", message, path, key.instead)
        return INVALID

    def _unknown(self, name: Scalar, path: str, report: Report) -> None:
        if report.full:
            report.add(name, "unknown-key", f"unknown key {quoted(name.text)}", path)
            return
        meant = next((key.name for key in self.keys if name.text in key.aliases), "")
        hint = f"did you mean '{meant}'?" if meant else did_you_mean(name.text, [key.name for key in self.keys])
        message = f"unknown key {quoted(name.text)} in {self.what}" + (f"; {hint}" if hint else "")
        report.add(name, "unknown-key", message, path, hint or self._listed())

    def _listed(self) -> str:
        return "known keys: " + ", ".join(key.name for key in self.keys)

    def schema(self) -> dict[str, Any]:
        properties = {key.name: key.kind.schema() | _described(key) for key in self.keys}
        required = [key.name for key in self.keys if key.required]
        result: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return result | {"required": required} if required else result


def _described(key: Key) -> dict[str, Any]:
    doc = key.doc if key.available else f"{key.doc} Not available yet."
    return {"description": doc}


@dataclass(frozen=True)
class Either:
    """One of several kinds, told apart by shape: text, list or mapping."""

    what: str
    scalar: Kind | None = None
    sequence: Kind | None = None
    mapping: Kind | None = None

    @property
    def _kinds(self) -> Seq[Kind]:
        return [kind for kind in (self.scalar, self.sequence, self.mapping) if kind is not None]

    @property
    def label(self) -> str:
        return ", or ".join(kind.label for kind in self._kinds)

    def read(self, node: Node, path: str, report: Report) -> Any:
        match node:
            case Sequence():
                kind = self.sequence
            case Mapping():
                kind = self.mapping
            case Scalar():
                kind = None if node.is_null else self.scalar
        return kind.read(node, path, report) if kind else wrong_type(node, path, report, self.what)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [kind.schema() for kind in self._kinds]}
