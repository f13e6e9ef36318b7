"""Draws a DAG of stages as text: a column per layer, lines for the edges between neighbouring layers.

Edges that pass over a layer are not drawn but said behind the node ("+ lint"), so the picture never lies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
_GLYPHS = {
    0: " ",
    LEFT: "─",
    RIGHT: "─",
    LEFT | RIGHT: "─",
    UP | DOWN: "│",
    UP: "│",
    DOWN: "│",
    LEFT | DOWN: "┐",
    LEFT | UP: "┘",
    RIGHT | DOWN: "┌",
    RIGHT | UP: "└",
    LEFT | RIGHT | DOWN: "┬",
    LEFT | RIGHT | UP: "┴",
    UP | DOWN | LEFT: "┤",
    UP | DOWN | RIGHT: "├",
    LEFT | RIGHT | UP | DOWN: "┼",
}


@dataclass(frozen=True)
class Node:
    """One stage: `label` is what is drawn, `needs` are names of other nodes."""

    name: str
    label: Text
    needs: tuple[str, ...]


def layers(nodes: Sequence[Node]) -> list[list[Node]]:
    """Each node one layer behind the last of what it needs. Unknown needs count for nothing."""
    depth: dict[str, int] = {}
    by_name = {node.name: node for node in nodes}

    def depth_of(name: str, trail: frozenset[str]) -> int:
        if name not in depth:
            needed = [need for need in by_name[name].needs if need in by_name and need not in trail]
            depth[name] = 1 + max((depth_of(need, trail | {name}) for need in needed), default=-1)
        return depth[name]

    columns: list[list[Node]] = [[] for _ in range(1 + max((depth_of(n.name, frozenset()) for n in nodes), default=-1))]
    for node in nodes:
        columns[depth[node.name]].append(node)
    return columns


def draw(nodes: Sequence[Node]) -> Text:
    """The whole picture; rows end with newlines."""
    columns = layers(nodes)
    height = max((len(column) for column in columns), default=0)
    rows = [Text() for _ in range(height)]
    for number, column in enumerate(columns):
        previous = {node.name: row for row, node in enumerate(columns[number - 1])} if number else {}
        if number:
            _append_gap(rows, column, previous)
        _append_column(rows, column, previous, first=number == 0)
    return Text("\n").join(rows)


def _append_column(rows: list[Text], column: Sequence[Node], previous: Mapping[str, int], first: bool) -> None:
    labels = []
    for node in column:
        skipped = [] if first else [need for need in node.needs if need not in previous]
        label = node.label.copy()
        if skipped:
            label.append(f" + {', '.join(skipped)}", style="dim")
        labels.append(label)
    width = max(label.cell_len for label in labels)
    for row, text in enumerate(rows):
        label = labels[row] if row < len(labels) else Text()
        text.append_text(label)
        text.append(" " * (width - label.cell_len))


def _append_gap(rows: list[Text], column: Sequence[Node], previous: Mapping[str, int]) -> None:
    groups: dict[frozenset[int], list[int]] = {}
    for row, node in enumerate(column):
        sources = frozenset(previous[need] for need in node.needs if need in previous)
        if sources:
            groups.setdefault(sources, []).append(row)
    width = 2 * len(groups) + 1
    grid = [[0] * width for _ in rows]
    for number, (sources, targets) in enumerate(groups.items()):
        _wire(grid, lane=2 * number + 1, sources=sources, targets=targets)
    for row, text in enumerate(rows):
        text.append(f" {''.join(_GLYPHS[bits] for bits in grid[row])} ", style="dim")


def _wire(grid: list[list[int]], lane: int, sources: frozenset[int], targets: Sequence[int]) -> None:
    width = len(grid[0])
    for row in sources:
        for x in range(lane):
            grid[row][x] |= LEFT | RIGHT
        grid[row][lane] |= LEFT
    for row in targets:
        for x in range(lane + 1, width):
            grid[row][x] |= LEFT | RIGHT
        grid[row][lane] |= RIGHT
    top, bottom = min(*sources, *targets), max(*sources, *targets)
    for row in range(top, bottom + 1):
        grid[row][lane] |= (UP if row > top else 0) | (DOWN if row < bottom else 0)
