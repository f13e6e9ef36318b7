"""The picture of a DAG shows its edges truly."""

from rich.text import Text

from gateway.cli.dag import Node, draw, layers


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
