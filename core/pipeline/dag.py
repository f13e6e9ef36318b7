"""The graph of stages: order, cycles, what lies above and below a stage, and layers for display.

A graph is a mapping of each stage to the stages it needs. Every answer is in the order of the mapping.
"""

from collections.abc import Iterable, Mapping

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
    found: list[tuple[str, ...]] = []
    left = _core(graph)
    while left:
        cycle = _walk(left)
        found.append(cycle)
        left = _core({name: needs for name, needs in left.items() if name not in _knot(left, cycle[0])})
    return tuple(found)


def _core(graph: Graph) -> dict[str, tuple[str, ...]]:
    """What is left after taking away, again and again, whatever needs nothing that is left."""
    plain = {name: tuple(need for need in needs if need != name) for name, needs in graph.items()}
    done = set(order(plain))
    return {
        name: tuple(need for need in needs if need in plain and need not in done)
        for name, needs in plain.items()
        if name not in done
    }


def _walk(core: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Follow the first need from the first stage until a stage comes again."""
    path: dict[str, int] = {}
    here = next(iter(core))
    while here not in path:
        path[here] = len(path)
        here = core[here][0]
    loop = list(path)[path[here] :]
    first = min(range(len(loop)), key=lambda i: list(core).index(loop[i]))
    loop = loop[first:] + loop[:first]
    return (*loop, loop[0])


def _knot(core: Graph, stage: str) -> frozenset[str]:
    """The stages that lie on some cycle with this one."""
    return (upstream(core, [stage]) & downstream(core, [stage])) | {stage}


def upstream(graph: Graph, stages: Iterable[str]) -> frozenset[str]:
    """All that these stages need, directly or not, without themselves unless they lie on a cycle."""
    return _closure(graph, stages)


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
