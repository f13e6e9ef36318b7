"""Draws a DAG of stages as text: a column per layer, lines for the edges between neighbouring layers.

Edges that pass over a layer are not drawn but said behind the node ("+ lint"), so the picture never lies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from core.pipeline.dag import layers as graph_layers

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
    by_name = {node.name: node for node in nodes}
    columns = graph_layers({node.name: node.needs for node in nodes})
    return [[by_name[name] for name in column] for column in columns]


class Picture:
    """The DAG as wide as it is; where the terminal is narrower, a line for each layer."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        picture = draw(self._nodes)
        fits = max(line.cell_len for line in picture.split("\n")) <= options.max_width
        yield picture if fits or options.no_wrap else stacked(self._nodes)


def stacked(nodes: Sequence[Node]) -> Text:
    """A line for each layer; what needs other than the whole layer before it says so."""
    lines: list[Text] = []
    before: set[str] = set()
    for column in layers(nodes):
        labels = []
        for node in column:
            label = node.label.copy()
            if set(node.needs) != before:
                label.append(f" ({', '.join(node.needs)})" if node.needs else "", style="dim")
            labels.append(label)
        if lines:
            lines.append(Text("↓", style="dim"))
        lines.append(Text("   ").join(labels))
        before = {node.name for node in column}
    return Text("\n").join(lines)


def draw(nodes: Sequence[Node]) -> Text:
    """The whole picture; rows end with newlines."""
    columns = layers(nodes)
    height = max((len(column) for column in columns), default=0)
    rows = [Text() for _ in range(height)]
    for number, column in enumerate(columns):
        previous = {node.name: row for row, node in enumerate(columns[number - 1])} if number else {}
        if number:
            _append_gap(rows, column, previous)
        following = columns[number + 1] if number + 1 < len(columns) else []
        _append_column(rows, column, previous, {need for node in following for need in node.needs})
    return Text("\n").join(rows)


def _append_column(rows: list[Text], column: Sequence[Node], previous: Mapping[str, int], needed: set[str]) -> None:
    """`needed` are those of which a line leads on: it begins at their label."""
    labels = []
    for node in column:
        skipped = [need for need in node.needs if need not in previous] if previous else []
        label = node.label.copy()
        if skipped:
            label.append(f" + {', '.join(skipped)}", style="dim")
        labels.append(label)
    width = max(label.cell_len for label in labels)
    for row, text in enumerate(rows):
        label = labels[row] if row < len(labels) else Text()
        text.append_text(label)
        leads_on = row < len(column) and column[row].name in needed
        if leads_on and label.cell_len < width:
            text.append(f" {'─' * (width - label.cell_len)}", style="dim")
        else:
            text.append(" " * (width - label.cell_len + 1))


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
        text.append(f"{''.join(_GLYPHS[bits] for bits in grid[row])} ", style="dim")


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
