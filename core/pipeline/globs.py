"""Globs over branches, tags and paths: `*` stops at '/', `**` does not, `!` negates, the last match wins.

Matched by a set of states held in one integer, so the time is linear in the text whatever the pattern says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from core.pipeline.kinds import INVALID, text_of
from core.pipeline.nodes import Node, quoted
from core.pipeline.report import Report

MAX_GLOB: Final = 200


class Glob:
    """A compiled pattern. Raises ValueError for a text that is none."""

    def __init__(self, pattern: str) -> None:
        self.negated = pattern.startswith("!")
        self._sets: list[frozenset[str] | None] = []
        self._inverted = 0
        self._any = 0
        self._stars = 0
        self._double = 0
        self._skips = 0
        self._parse(pattern.removeprefix("!"))
        self._accept = 1 << len(self._sets)
        self._masks: dict[str, int] = {}
        self._start = self._close(1)

    def matches(self, text: str) -> bool:
        """Whether the whole text fits the pattern (without its `!`)."""
        states = self._start
        for character in text:
            stay = self._double | (0 if character == "/" else self._stars)
            states = self._close(((states & self._mask(character)) << 1) | (states & stay))
            if not states:
                return False
        return bool(states & self._accept)

    def _close(self, states: int) -> int:
        """A star may match nothing; `**/` may be no directory at all."""
        while True:
            free = self._stars | self._double | self._skips
            wider = states | ((states & free) << 1) | ((states & self._skips) << 3)
            if wider == states:
                return states
            states = wider

    def _mask(self, character: str) -> int:
        mask = self._masks.get(character)
        if mask is None:
            mask = sum(1 << i for i in range(len(self._sets)) if self._fits(i, character))
            if len(self._masks) < 256:
                self._masks[character] = mask
        return mask

    def _fits(self, index: int, character: str) -> bool:
        bit = 1 << index
        if (self._stars | self._double | self._skips) & bit:
            return False
        if self._any & bit:
            return character != "/"
        inside = character in (self._sets[index] or ())
        return (not inside and character != "/") if self._inverted & bit else inside

    def _parse(self, pattern: str) -> None:
        if not pattern:
            raise ValueError("a glob must not be empty")
        position = 0
        while position < len(pattern):
            position = self._token(pattern, position)

    def _token(self, pattern: str, position: int) -> int:
        bit = 1 << len(self._sets)
        if pattern.startswith("**", position):
            end = position + len(pattern[position:]) - len(pattern[position:].lstrip("*"))
            if pattern.startswith("/", end) and (position == 0 or pattern[position - 1] == "/"):
                # A state of its own: only whoever has just come to the `**/` may skip it.
                self._skips |= bit
                self._sets.append(None)
                bit <<= 1
            self._double |= bit
            self._sets.append(None)
            return end
        match pattern[position]:
            case "*":
                self._stars |= bit
                self._sets.append(None)
            case "?":
                self._any |= bit
                self._sets.append(None)
            case "[":
                return self._class(pattern, position, bit)
            case "\\":
                if position + 1 == len(pattern):
                    raise ValueError("a glob must not end with a backslash")
                self._sets.append(frozenset(pattern[position + 1]))
                return position + 2
            case character:
                self._sets.append(frozenset(character))
        return position + 1

    def _class(self, pattern: str, position: int, bit: int) -> int:
        end = pattern.find("]", position + 2)
        if end < 0:
            raise ValueError("a '[' is never closed by ']'")
        inside = pattern[position + 1 : end]
        if inside[0] in "!^" and len(inside) > 1:
            self._inverted |= bit
            inside = inside[1:]
        self._sets.append(_members(inside))
        return end + 1


def _members(inside: str) -> frozenset[str]:
    members: set[str] = set()
    index = 0
    while index < len(inside):
        if inside[index + 1 : index + 2] == "-" and index + 2 < len(inside):
            low, high = ord(inside[index]), ord(inside[index + 2])
            if low > high or high - low > 256:
                raise ValueError(f"the range {inside[index : index + 3]} is backwards or too wide")
            members.update(map(chr, range(low, high + 1)))
            index += 3
        else:
            members.add(inside[index])
            index += 1
    return frozenset(members)


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Glob:
    """The compiled pattern. Raises ValueError."""
    return Glob(pattern)


def any_match(patterns: Iterable[str], text: str) -> bool:
    """Whether the text is among the patterns: the last one that fits decides, `!` takes it out again."""
    answer = False
    for pattern in patterns:
        glob = compile_glob(pattern)
        if glob.negated is answer and glob.matches(text):
            answer = not glob.negated
    return answer


@dataclass(frozen=True)
class GlobKind:
    """A glob as a value of the file."""

    label: str = "glob"

    def read(self, node: Node, path: str, report: Report) -> Any:
        text = text_of(node, path, report, "a glob")
        if text is None:
            return INVALID
        try:
            if len(text) > MAX_GLOB:
                raise ValueError(f"a glob has at most {MAX_GLOB} characters")
            compile_glob(text)
        except ValueError as error:
            report.add(node, "bad-glob", f"{quoted(text)}: {error}", path)
            return INVALID
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number"], "minLength": 1, "maxLength": MAX_GLOB}
