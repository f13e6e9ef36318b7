"""The picture of a DAG shows its edges truly."""

import io

from rich.console import Console
from rich.text import Text

from gateway.cli.dag import Node, Picture, draw, layers, stacked


def node(name: str, *needs: str) -> Node:
    return Node(name, Text(name), needs)


def lines(*nodes: Node) -> list[str]:
    return [line.rstrip() for line in draw(nodes).plain.split("\n")]


def test_nodes_without_edges_share_a_column() -> None:
    assert lines(node("lint"), node("unit")) == ["lint", "unit"]


def test_fan_in_and_fan_out_are_drawn() -> None:
    picture = lines(
        node("lint"), node("unit"), node("build", "lint", "unit"), node("e2e", "build"), node("perf", "build")
    )
    assert picture == ["lint ─┬─ build ─┬─ e2e", "unit ─┘         └─ perf"]


def test_parallel_chains_do_not_touch() -> None:
    picture = lines(node("a"), node("b"), node("a2", "a"), node("b2", "b"))
    assert picture == ["a ───── a2", "b ───── b2"]


def test_edge_over_a_layer_is_said() -> None:
    assert lines(node("a"), node("b", "a"), node("c", "a", "b"))[0] == "a ─── b ─── c + a"


def test_layers_follow_the_longest_path() -> None:
    names = [[n.name for n in layer] for layer in layers([node("a"), node("b", "a"), node("c", "a", "b")])]
    assert names == [["a"], ["b"], ["c"]]


def test_unknown_need_does_not_break_the_picture() -> None:
    assert lines(node("a", "gone")) == ["a"]


def test_line_begins_at_the_label_it_leads_on_from() -> None:
    picture = lines(node("a"), node("long-name"), node("alone"), node("end", "a", "long-name"))
    assert picture == ["a ─────────┬─ end", "long-name ─┘", "alone"]


def test_narrow_terminal_gets_a_line_for_each_layer() -> None:
    nodes = [node("lint"), node("unit"), node("build", "lint", "unit"), node("e2e", "build"), node("docs", "lint")]
    assert stacked(nodes).plain.split("\n") == ["lint   unit", "↓", "build   docs (lint)", "↓", "e2e (build)"]
    for width, first in ((20, "lint   unit"), (80, "lint ─┬─┬─ build ─── e2e")):
        console = Console(file=io.StringIO(), width=width)
        console.print(Picture(nodes))
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue().split("\n")[0].rstrip() == first


def test_longest_chain_there_may_be_is_drawn() -> None:
    chain = [node("s0"), *(node(f"s{n}", f"s{n - 1}") for n in range(1, 4000))]
    assert lines(*chain)[0].startswith("s0 ─── s1 ─── s2")
