"""What reading a file yields: typed values that still know where they stand, for the checks that come after."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.pipeline.nodes import Mapping, Node, Scalar


@dataclass(frozen=True, slots=True)
class Name:
    """A word that names something (a stage, an axis, an environment)."""

    text: str
    node: Scalar
    path: str


class TextKind(Protocol):
    """What a text must be: `problem` says what is wrong with it, or nothing."""

    @property
    def code(self) -> str: ...

    def problem(self, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Template:
    """A text that may hold `${{ }}`. `contexts` are the values it may name; `kind` judges what comes of it."""

    text: str
    node: Scalar
    path: str
    contexts: frozenset[str]
    kind: "TextKind"


@dataclass(frozen=True, slots=True)
class Condition:
    """The expression of an `if`. `contexts` are the values it may name."""

    text: str
    node: Scalar
    path: str
    contexts: frozenset[str]


@dataclass(slots=True)
class Section:
    """A mapping whose keys were checked. A key that is absent, or was wrong and is reported, has no value."""

    node: Mapping
    path: str
    values: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def has(self, key: str) -> bool:
        """Whether the author wrote the key at all, right or wrong."""
        return key in self.node.values

    def place(self, key: str) -> Node:
        """Where the key stands; the section itself where it is absent."""
        return self.node.keys.get(key, self.node)

    def path_of(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def expressions_in(value: Any) -> Iterator[Template | Condition]:
    """Every text with expressions inside a value, however deep, in the file's order."""
    match value:
        case Template() | Condition():
            yield value
        case Section():
            yield from expressions_in(value.values)
        case dict():
            for item in value.values():
                yield from expressions_in(item)
        case list():
            for item in value:
                yield from expressions_in(item)
