"""The name of what evolve means: a digest over the source of all that a stored state depends on.

Whoever folds events otherwise than the code that made a snapshot must not go on from it, and a version number that
somebody has to raise would be forgotten. Modules that only decide, talk or display don't count, so many releases
keep their snapshots.
"""

import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from core.aggregate import Aggregate

OURS = ("core", "processors")
# The shell's own part of a snapshot: which streams and commands are remembered, and how they are written down.
SHELL_MODULES = ("processors.partition_state", "processors.snapshots")
_IMPORT = re.compile(r"^\s*(?:from ([\w.]+) import \(?([\w, ]*)|import ([\w.]+))", re.MULTILINE)


def code_version(aggregates: Sequence[Aggregate], modules: Iterable[str] = SHELL_MODULES) -> str:
    """Equal for equal sources, wherever they lie; 16 hex digits."""
    parts = sources(aggregates, modules)
    for each in aggregates:
        parts |= {f"{each.kind}.{name}": _source(getattr(each, name)) for name in ("initial", "finished")}
    digest = hashlib.sha256()
    for name, source in sorted(parts.items()):
        digest.update(f"{name}\0{len(source)}\0".encode() + source)
    return digest.hexdigest()[:16]


def sources(aggregates: Iterable[Aggregate], modules: Iterable[str] = SHELL_MODULES) -> dict[str, bytes]:
    """The modules that fold events and hold states, and all of ours that they import, by name."""
    folding = {found.__module__ for each in aggregates for found in (each.evolve, each.state_type)}
    return _closure({*modules, *folding})


def _source(function: Callable[..., object]) -> bytes:
    """Of the function alone: its module may be full of decisions."""
    return inspect.getsource(function).encode()


def _closure(roots: Iterable[str]) -> dict[str, bytes]:
    """The sources of these modules and of all of ours that they import."""
    found: dict[str, bytes] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in found or path is None:
            continue
        found[name] = path.read_bytes()
        waiting += _imports(found[name].decode())
    return found


def _imports(source: str) -> Iterable[str]:
    for package, names, module in _IMPORT.findall(source):
        yield module or package
        # What is imported from a package may be a module of it.
        yield from (f"{package}.{each.split()[0]}" for each in names.split(",") if package and each.strip())


def _path(name: str) -> Path | None:
    """The file of a module of ours; None for anybody else's, and for what is no module."""
    package, *rest = name.split(".")
    home = getattr(sys.modules.get(package), "__file__", None)
    if package not in OURS or home is None:
        return None
    path = Path(home).parent.joinpath(*rest)
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)
