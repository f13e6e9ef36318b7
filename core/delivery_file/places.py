"""Where a fault of the settings stands in the file: its key path, walked down the tree as far as it was written."""

from core.environments.faults import Fault
from core.pipeline.nodes import Mapping, Node, Sequence, child_path
from core.pipeline.report import Report

Path = tuple[str | int, ...]


def report_fault(fault: Fault, environment: Mapping, prefix: str, report: Report) -> None:
    node, path = _place(environment, prefix, _as_written(environment, fault))
    report.add(node, fault.code, fault.message, path, fault.suggestion)


def _as_written(environment: Mapping, fault: Fault) -> Path:
    """What is judged may stand inside of the canary it belongs to, or have its default: then what it is about."""
    if fault.path[0] in environment.values:
        return fault.path
    if fault.path[0] == "analysis":
        return ("strategy", "canary", *fault.path)
    return tuple(key for key in fault.about if key in environment.values)[:1]


def _place(node: Mapping, prefix: str, path: Path) -> tuple[Node, str]:
    """The node at the path's end, or of the last part that is there."""
    here: Node = node
    for part in path:
        below = _below(here, part)
        if below is None:
            break
        here = below
        prefix = f"{prefix}[{part}]" if isinstance(part, int) else child_path(prefix, part)
    return here, prefix


def _below(node: Node, part: str | int) -> Node | None:
    if isinstance(part, int):
        # One item may stand without the brackets of its list.
        return node.items[part] if isinstance(node, Sequence) and part < len(node.items) else None
    return node.values.get(part) if isinstance(node, Mapping) else None
