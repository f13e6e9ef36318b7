"""Collects the problems of one file: every one at once, up to a bound, in the order of the file."""

import difflib
from collections.abc import Iterable

from core.pipeline.nodes import Node, Scalar, quoted
from core.pipeline.problems import Problem

MAX_PROBLEMS = 200
MAX_COMPARED = 200


class Report:
    """What is wrong (`problems`) and what is only worth knowing (`warnings`) about `file`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._problems: list[Problem] = []
        self._seen: set[tuple[int, int, str, str]] = set()
        self._dropped = 0
        self._stopped = False
        self.warnings: list[str] = []

    def at(
        self,
        line: int,
        column: int,
        code: str,
        message: str,
        path: str = "",
        suggestion: str = "",
    ) -> None:
        # An alias is checked wherever it is used, but what it holds is wrong only once.
        if (line, column, code, message) in self._seen:
            return
        if self.full:
            self._dropped += 1
            return
        self._seen.add((line, column, code, message))
        self._problems.append(Problem(code, message, line, column, path, suggestion, self.file))

    def add(self, node: Node, code: str, message: str, path: str = "", suggestion: str = "") -> None:
        self.at(node.line, node.column, code, message, path, suggestion)

    def unknown(
        self,
        node: Scalar,
        kind: str,
        path: str,
        known: Iterable[str],
        code: str,
        where: str = "",
    ) -> None:
        """`node` names something that does not exist: says so, and what was probably meant."""
        suggestion = "" if self.full else did_you_mean(node.text, known)
        hint = f"; {suggestion}" if suggestion else ""
        self.add(
            node,
            code,
            f"unknown {kind} {quoted(node.text)}{where}{hint}",
            path,
            suggestion,
        )

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def touches(self, path: str) -> bool:
        """Whether something at this key path, or below it, is wrong."""
        return any(p.path == path or p.path.startswith((f"{path}.", f"{path}[")) for p in self._problems)

    @property
    def full(self) -> bool:
        """Whether what comes now is only counted: then nothing dear needs to be done for it."""
        return len(self._problems) >= MAX_PROBLEMS

    def stop(self) -> None:
        """The rest of the file is not looked at; the last problem says so."""
        self._stopped = True

    @property
    def clean(self) -> bool:
        return not self._problems

    def problems(self) -> tuple[Problem, ...]:
        ordered = sorted(self._problems, key=lambda p: (p.line, p.column))
        if self._dropped or self._stopped:
            last = ordered[-1]
            more = "and more" if self._stopped else f"and {self._dropped} more problems"
            text = f"{more}, not listed; fix these first"
            ordered.append(Problem("too-many-problems", text, last.line, last.column, file=self.file))
        return tuple(ordered)


def misnamed(name: str, present: Iterable[str]) -> str:
    """The file that was meant to be the one of this name: in capitals, or with the other ending; or nothing."""
    return next((each for each in present if each != name and _folded(each) == _folded(name)), "")


def _folded(name: str) -> str:
    return name.casefold().removesuffix(".yml").removesuffix(".yaml")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'build'?` for the nearest known word, or nothing where none is near."""
    if len(word) > 64:
        return ""
    folded = {name.casefold().replace("-", "_"): name for name in known}
    if len(folded) > MAX_COMPARED:
        # Among thousands only those that are likely: comparing is dear.
        likely = [name for name in folded if name[:1] == word[:1].casefold() and abs(len(name) - len(word)) < 3]
        folded = {name: folded[name] for name in likely[:MAX_COMPARED]}
    near = difflib.get_close_matches(word.casefold().replace("-", "_"), folded, n=1, cutoff=0.6)
    return f"did you mean '{folded[near[0]]}'?" if near else ""
