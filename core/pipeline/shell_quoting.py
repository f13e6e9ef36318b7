"""Where in a shell script a `${{ }}` stands: in single quotes, a here-document, arithmetic and so on.

An expression becomes a variable of the step, so it must stand where a shell replaces variables by plain text.
This follows the quoting of bash and sh; it judges no command (`bash -c "..."` evaluates whatever it is given).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Situation = Literal["plain", "single", "escaped", "quoted-heredoc", "arithmetic"]

# Stands for an expression: no script may hold it, because no environment or argument can.
MARK: Final = "\0"
_HEREDOC = re.compile(r"<<(-?)[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s'\"\\;&|<>()])+)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARES_NUMBERS = re.compile(r"-(?:eq|ne|lt|le|gt|ge)\b")
_SUBSCRIPT = re.compile(r"\w\[$")
_ARITHMETIC_EXPANSION = re.compile(r"\$\{[!#]?\w+(?:\[[^\]]*|:(?![-=?+])[^}]*)$")
_BREAKS = frozenset(" \t\n;&|()<>")


@dataclass(slots=True)
class _Frame:
    """What is open: `code` (a script or `$( )`), `double` quotes, `brace` (`${ }`), `arithmetic`, `backquote`."""

    kind: Literal["code", "double", "brace", "arithmetic", "backquote"]
    parentheses: int = 0
    cases: int = 0


def situations(script: str) -> list[Situation]:
    """For each MARK of the script, in order, where it stands."""
    return _Reader(script).read()


class _Reader:
    def __init__(self, script: str) -> None:
        self._script = script
        self._at = 0
        self._open = [_Frame("code")]
        self._heredocs: list[tuple[str, bool, bool]] = []
        self._found: dict[int, Situation] = {}
        self._backquotes = 0
        self._compared = set(_compared(script))

    def read(self) -> list[Situation]:
        while self._at < len(self._script):
            if self._script[self._at] == MARK:
                self._mark()
            elif self._script[self._at] == "\\":
                self._skip(2, "escaped")
            elif self._open[-1].kind == "double" or self._quoted_brace():
                self._in_double_quotes()
            elif self._open[-1].kind == "arithmetic":
                self._in_arithmetic()
            else:
                self._in_code()
        return [self._found[place] for place in sorted(self._found)]

    def _mark(self) -> None:
        before = self._script[max(0, self._at - 200) : self._at]
        arithmetic = (
            self._open[-1].kind == "arithmetic"
            or self._at in self._compared
            or (_SUBSCRIPT.search(before) and self._script.startswith(("]=", "]+="), self._at + 1))
            or (self._open[-1].kind == "brace" and _ARITHMETIC_EXPANSION.search(before))
        )
        self._found[self._at] = "arithmetic" if arithmetic else "plain"
        self._at += 1

    def _skip(self, length: int, situation: Situation) -> None:
        """Goes on behind the next characters, which no shell replaces."""
        for place in range(self._at, min(self._at + length, len(self._script))):
            if self._script[place] == MARK:
                self._found[place] = situation
        self._at += length

    def _skip_to(self, end: int, situation: Situation) -> None:
        self._skip((end if end >= 0 else len(self._script)) - self._at, situation)

    def _quoted_brace(self) -> bool:
        """In `"${x:-'a'}"` the single quotes are text."""
        return self._open[-1].kind == "brace" and self._open[-2].kind == "double"

    def _push(self, kind: Literal["code", "double", "brace", "arithmetic", "backquote"], length: int) -> None:
        self._open.append(_Frame(kind))
        self._at += length

    def _pop(self, length: int = 1) -> None:
        if len(self._open) > 1:
            self._open.pop()
        self._at += length

    def _expansion(self) -> bool:
        """`$( )`, `$(( ))`, `${ }` and backquotes mean the same everywhere but in single quotes."""
        for opening, kind in (("$((", "arithmetic"), ("$(", "code"), ("${", "brace")):
            if self._script.startswith(opening, self._at):
                self._push(kind, len(opening))  # type: ignore[arg-type]
                return True
        if self._script[self._at] != "`":
            return False
        if self._backquotes:
            while self._open[-1].kind != "backquote":
                self._open.pop()
            self._pop()
        else:
            self._push("backquote", 1)
        self._backquotes = 1 - self._backquotes
        return True

    def _in_double_quotes(self) -> None:
        character, brace = self._script[self._at], self._open[-1].kind == "brace"
        if character == ("}" if brace else '"'):
            self._pop()
        elif brace and character == '"':
            self._push("double", 1)
        elif not self._expansion():
            self._at += 1

    def _in_arithmetic(self) -> None:
        frame = self._open[-1]
        if self._script.startswith("))", self._at) and not frame.parentheses:
            self._pop(2)
        elif not self._expansion():
            frame.parentheses += {"(": 1, ")": -1}.get(self._script[self._at], 0)
            self._at += 1

    def _in_code(self) -> None:
        script, at = self._script, self._at
        starts_word = at == 0 or script[at - 1] in _BREAKS
        match script[at]:
            case "'":
                self._skip_to(script.find("'", at + 1), "single")
                self._at += 1
            case "$" if script.startswith("$'", at):
                end = re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL).match(script, at + 2)
                self._skip_to(end.end() if end else -1, "single")
                self._at += 1
            case '"':
                self._push("double", 1)
            case "#" if starts_word:
                self._skip_to(script.find("\n", at), "plain")
            case "<" if script.startswith("<<<", at):
                self._at += 3
            case "<" if script.startswith("<<", at):
                self._heredoc()
            case "\n":
                self._at += 1
                self._bodies()
            case "(" if starts_word and script.startswith("((", at):
                self._push("arithmetic", 2)
            case "(" | ")" | "}":
                self._bracket(script[at])
            case _ if starts_word and (word := _WORD.match(script, at)):
                self._open[-1].cases += {"case": 1, "esac": -1}.get(word[0], 0)
                self._at = word.end()
            case _ if not self._expansion():
                self._at += 1

    def _bracket(self, character: str) -> None:
        frame = self._open[-1]
        self._at += 1
        if character == "}":
            if frame.kind == "brace":
                self._pop(0)
        elif character == "(":
            frame.parentheses += 1
        elif frame.parentheses:
            frame.parentheses -= 1
        elif frame.kind == "code" and frame.cases <= 0:
            # The `)` behind a pattern of `case` closes nothing.
            self._pop(0)

    def _heredoc(self) -> None:
        found = _HEREDOC.match(self._script, self._at)
        if found is None:
            self._at += 2
            return
        word = found[2]
        quoted = any(character in word for character in "'\"\\")
        self._heredocs.append((re.sub(r"['\"\\]", "", word), quoted, bool(found[1])))
        self._skip_to(found.end(), "single")

    def _bodies(self) -> None:
        """The lines up to each delimiter that the line before has named."""
        for delimiter, quoted, tabs in self._heredocs:
            while self._at < len(self._script):
                end = self._script.find("\n", self._at)
                line = self._script[self._at : end if end >= 0 else len(self._script)]
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    self._at += len(line) + 1
                    break
                self._line(line, quoted)
        self._heredocs = []

    def _line(self, line: str, quoted: bool) -> None:
        for place, character in enumerate(line, self._at):
            if character == MARK:
                odd = (place - self._at - len(line[: place - self._at].rstrip("\\"))) % 2
                self._found[place] = "quoted-heredoc" if quoted else "escaped" if odd else "plain"
        self._at += len(line) + 1


def _compared(script: str) -> Iterator[int]:
    """The marks in a `[[ ]]` that compares numbers."""
    start = 0
    for line in script.split("\n"):
        opens, closes = line.find("[[ "), line.rfind("]]")
        if MARK in line and 0 <= opens < closes and _COMPARES_NUMBERS.search(line, opens, closes):
            yield from (start + place for place in range(opens, closes) if line[place] == MARK)
        start += len(line) + 1
