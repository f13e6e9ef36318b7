"""Bytes -> node tree. Refuses what is not one small, plain, UTF-8 YAML document, and says where and why.

Built from libyaml's events instead of its composer: a loop can't overflow the stack, aliases are counted
before anything is expanded, and duplicate keys are seen.
"""

from typing import Any, Final, NamedTuple, NoReturn

import yaml

from core.pipeline.broken_yaml import Broken, broken, unreadable
from core.pipeline.nodes import Mapping, Node, Scalar, Sequence, quoted
from core.pipeline.report import Report

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 100_000
MAX_ALIASED_NODES = 20_000

_LOADER: Any = yaml.CSafeLoader
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_CORE + name for name in ("null", "bool", "int", "float"))
_KNOWN_TAGS = _PLAIN_TAGS | {_CORE + "str", _CORE + "seq", _CORE + "map", "!"}


class FileKind(NamedTuple):
    """How messages call such a file, and the key that none goes without."""

    what: str
    key: str
    shorter: str


PIPELINE_FILE: Final = FileKind("a pipeline file", "stages", "write the values out, or use 'defaults'")


class _Refused(Exception):
    """The file can't be read further; the reason is already in the report."""


def parse(source: bytes, report: Report, kind: FileKind = PIPELINE_FILE) -> Mapping | None:
    """The root mapping, or None when it could not be read. Problems go into the report; nothing is raised."""
    try:
        root = _Builder(_decode(source, report, kind), report, kind).build()
    except _Refused:
        return None
    if root is None or _says_nothing(root):
        report.at(
            1,
            1,
            "empty-file",
            "the file is empty",
            suggestion=f"{kind.what} needs at least '{kind.key}:'",
        )
        return None
    if not isinstance(root, Mapping):
        report.add(root, "not-a-mapping", f"the file must be a mapping with the key '{kind.key}'")
        return None
    return root


def _says_nothing(root: Node) -> bool:
    """A document that was begun (`---`) and holds nothing; YAML has an empty scalar there, behind the last line."""
    return isinstance(root, Scalar) and root.plain and not root.text


def too_large(size: int, kind: FileKind = PIPELINE_FILE) -> str:
    """What to say of a file of so many bytes, also where it was never read."""
    return f"the file has {size:,} bytes; {kind.what} must be smaller than {MAX_BYTES:,}"


def _decode(source: bytes, report: Report, kind: FileKind) -> str:
    if len(source) >= MAX_BYTES:
        report.at(1, 1, "file-too-large", too_large(len(source), kind))
        raise _Refused
    if source.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in source[:4]:
        report.at(1, 1, "not-utf-8", "the file is not UTF-8: it looks like UTF-16", suggestion="save the file as UTF-8")
        raise _Refused
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark the codec counts from after it.
        offset = error.start + (3 if source.startswith(b"\xef\xbb\xbf") else 0)
        before = source[:offset]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"byte {offset} (0x{source[offset]:02x}) is not valid UTF-8"
        report.at(line, column, "not-utf-8", message, suggestion="save the file as UTF-8")
        raise _Refused from None


class _Builder:
    """Folds parser events into nodes with an explicit stack of what is still open."""

    def __init__(self, text: str, report: Report, kind: FileKind) -> None:
        self._text = text
        self._report = report
        self._kind = kind
        self._open: list[Mapping | Sequence] = []
        self._keys: list[Scalar | None] = []
        self._merged: list[set[str]] = []
        self._bases: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._open_anchors: dict[str, Mapping | Sequence] = {}
        self._nodes = 0
        self._aliased = 0
        self._root: Node | None = None
        self._documents = 0

    def build(self) -> Node | None:
        try:
            for event in yaml.parse(self._text, Loader=_LOADER):
                self._take(event)
        except yaml.reader.ReaderError as error:
            self._stop(unreadable(error, self._text))
        except yaml.MarkedYAMLError as error:
            self._stop(broken(error, self._text))
        return self._root

    def _take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._start(Mapping(*_place(event)), event)
            case yaml.SequenceStartEvent():
                self._start(Sequence(*_place(event)), event)
            case yaml.CollectionEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(
                        event,
                        "multiple-documents",
                        f"{self._kind.what} holds one document; remove this '---'",
                    )

    def _scalar(self, event: Any) -> None:
        self._check_tag(event)
        plain = event.tag in _PLAIN_TAGS or (event.tag is None and not event.style)
        raw = self._text[event.start_mark.index : event.end_mark.index]
        node = Scalar(event.value, plain, *_place(event), raw)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node, event)

    def _start(self, node: Mapping | Sequence, event: Any) -> None:
        self._check_tag(event)
        if len(self._open) >= MAX_DEPTH:
            self._refuse(event, "too-deep", f"values are nested more than {MAX_DEPTH} deep")
        if event.anchor:
            self._anchors[event.anchor] = node
            self._open_anchors[event.anchor] = node
        self._add(node, event, opens=True)
        self._open.append(node)
        self._keys.append(None)
        self._merged.append(set())

    def _end(self) -> None:
        node = self._open.pop()
        self._keys.pop()
        self._merged.pop()
        self._open_anchors = {name: other for name, other in self._open_anchors.items() if other is not node}
        if self._open:
            self._open[-1].size += node.size
        if self._bases and self._bases[-1] is node:
            self._merge(self._open[-1], self._bases.pop())

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._refuse(
                event,
                "unknown-alias",
                f"alias '*{event.anchor}' names no anchor above it",
            )
        if any(node is other for other in self._open_anchors.values()):
            self._refuse(
                event,
                "recursive-alias",
                f"alias '*{event.anchor}' stands inside the value it names",
            )
        self._aliased += node.size
        if self._aliased > MAX_ALIASED_NODES:
            message = f"aliases expand to more than {MAX_ALIASED_NODES:,} values"
            self._refuse(event, "alias-bomb", message, self._kind.shorter)
        self._add(node, event)

    def _add(self, node: Node, event: Any, opens: bool = False) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse(
                event,
                "too-many-values",
                f"the file holds more than {MAX_NODES:,} values",
            )
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not opens:
            parent.size += node.size
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif self._keys[-1] is None:
            self._keys[-1] = self._key(node, event)
        else:
            key, self._keys[-1] = self._keys[-1], None
            if opens and key.text == "<<" and key.plain:
                # A list of bases is only known at its end.
                self._bases.append(node)
            else:
                self._put(parent, key, node)

    def _key(self, node: Node, event: Any) -> Scalar:
        if not isinstance(node, Scalar):
            self._refuse(
                event,
                "key-not-text",
                "a key must be plain text, not a list or a mapping",
            )
        return Scalar(node.text, node.plain, *_place(event))

    def _put(self, parent: Mapping, key: Scalar, node: Node) -> None:
        merged = self._merged[-1]
        if key.text == "<<" and key.plain:
            return self._merge(parent, node)
        if key.text in parent.keys and key.text not in merged:
            first = parent.keys[key.text].line
            message = f"key {quoted(key.text)} is already set on line {first}; one of the two would be lost"
            self._report.add(key, "duplicate-key", message, suggestion="remove or rename one of them")
            return
        merged.discard(key.text)
        parent.values[key.text] = node
        parent.keys[key.text] = key

    def _merge(self, parent: Node, node: Node) -> None:
        """`<<: *base` or `<<: [*a, *b]`: keys that are written out win, then the earlier of several bases."""
        assert isinstance(parent, Mapping)
        for base in node.items if isinstance(node, Sequence) else [node]:
            if not isinstance(base, Mapping):
                self._report.add(
                    base,
                    "bad-merge",
                    "'<<' takes a mapping, or a list of mappings, by alias",
                )
                continue
            for name in base.keys.keys() - parent.keys.keys():
                self._merged[-1].add(name)
            for name, base_key in base.keys.items():
                parent.keys.setdefault(name, base_key)
                parent.values.setdefault(name, base.values[name])

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag not in _KNOWN_TAGS:
            tag = event.tag.replace(_CORE, "!!")
            line, column = _place(event)
            message = f"tag {quoted(tag)} is not allowed; only plain values are"
            self._report.at(
                line, column, "custom-tag", message, suggestion="remove the tag, or put the value in quotes"
            )

    def _refuse(self, event: Any, code: str, message: str, suggestion: str = "") -> NoReturn:
        line, column = _place(event)
        self._report.at(line, column, code, message, suggestion=suggestion)
        raise _Refused

    def _stop(self, found: Broken) -> NoReturn:
        self._report.at(found.line, found.column, found.code, found.message, suggestion=found.suggestion)
        raise _Refused


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
