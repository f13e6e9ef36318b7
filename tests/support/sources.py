"""The project's own sources as the architecture tests see them: tracked files, parsed modules, functions, imports."""

import ast
import gc
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "processors", "projections", "agents", "gateway", "infra")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Relative to the project, as reported in a failing test."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def package(self) -> str:
        """The top folder: core, gateway ..., tests."""
        return self.path.relative_to(ROOT).parts[0]

    def functions(self) -> Iterator[tuple[str, int]]:
        """(`file:function`, number of lines) of every function, nested ones and methods too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function) and node.end_lineno is not None:
                yield f"{self.name}:{node.name}", node.end_lineno - node.lineno + 1

    def imports(self) -> set[str]:
        """Full names of the imported modules; of `from a import b`, `a.b` where that is a module of ours, else `a`."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {_submodule(node.module, alias.name) for alias in node.names}
        return found


def _submodule(module: str, name: str) -> str:
    place = ROOT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if place.is_dir() or place.with_suffix(".py").is_file() else module


@cache
def tracked_files() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


@cache
def modules() -> tuple[Module, ...]:
    """Every tracked Python file of the packages and the tests."""
    wanted = (*PACKAGES, "tests")
    paths = (path for path in tracked_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in wanted)
    # A million nodes, none of which is ever given back: to look for garbage among them takes six times the parsing.
    gc.disable()
    try:
        return tuple(_parse(path) for path in paths)
    finally:
        gc.enable()


def _parse(path: Path) -> Module:
    text = path.read_text()
    return Module(path, text, ast.parse(text, str(path)))


def production_modules() -> tuple[Module, ...]:
    return tuple(module for module in modules() if module.package in PACKAGES)


def listing(found: Iterable[object] | Mapping[str, int]) -> str:
    """What a failing architecture test says: one finding a line, whole."""
    lines = (f"{name}: {value}" for name, value in found.items()) if isinstance(found, Mapping) else map(str, found)
    return "\n" + "\n".join(sorted(lines))
