"""The YAML tree with places: every value knows its line and column, because every problem must name them.

Scalars keep their text (`3.10` stays `3.10`); what a plain scalar means is decided by whoever expects a type.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Scalar:
    """A piece of text. `plain` is False when it was quoted or a block: then it is text and nothing else.

    `raw` is what the author wrote, quotes and indentation included: from it come places inside the text.
    """

    text: str
    plain: bool
    line: int
    column: int
    raw: str = ""

    @property
    def size(self) -> int:
        return 1

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True, eq=False)
class Sequence:
    line: int
    column: int
    items: list["Node"] = field(default_factory=list)
    size: int = 1


@dataclass(slots=True, eq=False)
class Mapping:
    """`keys` keeps where each key stands, in the file's order."""

    line: int
    column: int
    values: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)
    size: int = 1

    def entries(self) -> Iterator[tuple[Scalar, "Node"]]:
        return ((key, self.values[name]) for name, key in self.keys.items())


Node = Scalar | Sequence | Mapping


def describe(node: Node) -> str:
    """What the author wrote, in the words of a message: `a list`, `the text 'abc'`, `nothing`."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar() if node.is_null:
            return "nothing"
        case Scalar():
            return quoted(node.text)


def quoted(text: str, limit: int = 80) -> str:
    """The text in single quotes on one line, shortened: fit for a message."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown) + "'"


def code(text: str) -> str:
    """The same between backticks, for expressions, which have quotes of their own."""
    return f"`{quoted(text)[1:-1]}`"


def child_path(path: str, key: str) -> str:
    """The key path of a mapping's value: `stages[0].env.CI`; an odd key is quoted."""
    if not key.replace("-", "_").isidentifier():
        return f"{path}[{quoted(key)}]"
    return f"{path}.{key}" if path else key
