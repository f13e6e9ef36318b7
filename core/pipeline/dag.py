"""The graph of stages: order, cycles, what lies above and below a stage, and layers for display.

A graph is a mapping of each stage to the stages it needs. Every answer is in the order of the mapping.
"""

from collections.abc import Iterable, Iterator, Mapping

from core.pipeline.plan import Plan

Graph = Mapping[str, tuple[str, ...]]


def graph_of(plan: Plan) -> Graph:
    """The graph of a compiled pipeline."""
    return {stage.name: tuple(need.stage for need in stage.needs) for stage in plan.stages}


def order(graph: Graph) -> tuple[str, ...]:
    """Every stage after all it needs; otherwise as written. Stages on or behind a cycle are left out."""
    waiting = {name: len({need for need in needs if need in graph}) for name, needs in graph.items()}
    dependents = _dependents(graph)
    ready = [name for name, count in waiting.items() if not count]
    ordered: list[str] = []
    for name in ready:
        ordered.append(name)
        for dependent in dependents[name]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                ready.append(dependent)
    return tuple(ordered)


def cycles(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """One cycle for each knot of stages that need each other, as `(a, b, a)`. A stage that needs itself is none."""
    place = {name: index for index, name in enumerate(graph)}
    knots = (sorted(knot, key=place.__getitem__) for knot in _knots(graph) if len(knot) > 1)
    return tuple(_walk(graph, knot) for knot in sorted(knots, key=lambda knot: place[knot[0]]))


def _knots(graph: Graph) -> Iterator[list[str]]:
    """The strongly connected components, by Kosaraju's two walks; nothing recurses, so no graph is too deep."""
    assigned: set[str] = set()
    dependents = _dependents(graph)
    for root in reversed(_finishing_order(graph)):
        if root in assigned:
            continue
        assigned.add(root)
        knot = [root]
        for name in knot:
            fresh = [other for other in dependents[name] if other not in assigned]
            assigned.update(fresh)
            knot.extend(fresh)
        yield knot


def _finishing_order(graph: Graph) -> list[str]:
    seen: set[str] = set()
    finished: list[str] = []
    for root in graph:
        open_stages = [] if root in seen else [(root, iter(graph[root]))]
        seen.add(root)
        while open_stages:
            name, needs = open_stages[-1]
            need = next((need for need in needs if need in graph and need not in seen), None)
            if need is None:
                finished.append(name)
                open_stages.pop()
            else:
                seen.add(need)
                open_stages.append((need, iter(graph[need])))
    return finished


def _walk(graph: Graph, knot: list[str]) -> tuple[str, ...]:
    """Follow needs inside the knot from its first stage until a stage comes again: that is a cycle."""
    inside = set(knot)
    path: dict[str, int] = {}
    here = knot[0]
    while here not in path:
        path[here] = len(path)
        here = next(need for need in graph[here] if need in inside and need != here)
    loop = list(path)[path[here] :]
    first = loop.index(min(loop, key=knot.index))
    return (*loop[first:], *loop[:first], loop[first])


def upstream(graph: Graph, stages: Iterable[str]) -> frozenset[str]:
    """All that these stages need, directly or not, without themselves unless they lie on a cycle."""
    return _closure(graph, stages)


class Earlier:
    """Which stages have ended before which. One number of as many bits as there are stages stands for a set of them."""

    def __init__(self, graph: Graph) -> None:
        self.stages: Graph = graph
        self._bits = {name: 1 << place for place, name in enumerate(graph)}
        self._before: dict[str, int] = {}
        for name in order(graph):
            before = 0
            for need in graph[name]:
                before |= self._bits.get(need, 0) | self._before.get(need, 0)
            self._before[name] = before

    def comes_before(self, one: str, other: str) -> bool:
        """Whether `other` needs `one`, directly or not. On and behind a cycle everything is thought to."""
        if other not in self._before:
            return other in self.stages
        return bool(self._before[other] & self._bits[one])


def downstream(graph: Graph, stages: Iterable[str]) -> frozenset[str]:
    """All that needs one of these stages, directly or not: what a re-run from them runs besides them."""
    return _closure(_dependents(graph), stages)


def _closure(edges: Mapping[str, Iterable[str]], start: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    todo = [near for name in start for near in edges.get(name, ())]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(edges.get(name, ()))
    return frozenset(found)


def _dependents(graph: Graph) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {name: [] for name in graph}
    for name, needs in graph.items():
        for need in dict.fromkeys(needs):
            if need in result:
                result[need].append(name)
    return result


def layers(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """The stages in columns: each stands one to the right of the last stage it needs."""
    depth: dict[str, int] = {}
    for name in order(graph):
        depth[name] = 1 + max((depth[need] for need in graph[name] if need in depth), default=-1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in graph:
        if name in depth:
            columns[depth[name]].append(name)
    return tuple(map(tuple, columns))
