"""What must not stand in any tracked file: hosts of package registries, places of one machine, tests that are off."""

import ast
import hashlib
import re
from pathlib import Path

from tests.support.sources import ROOT, Module, listing, modules, tracked_files

# Digests, so that the hosts themselves stand nowhere in the project.
REGISTRY_HOSTS = {
    "a0f007d863a0ed19",
    "095fbbaf0076d564",
    "789e46d79514e280",
    "e680c440a2e92079",
    "3ca29e55be4befa4",
    "8743857e3ea00fd1",
    "00a7dc5a0cc38858",
    "a4aa2ac280bb8d1a",
    "8b5bb5eb9d758455",
    "317d2d52829b7812",
    "43c04ed1dabe979b",
    "1ba4e37997a2e986",
    "9da5f32d96412512",
}
HOST_NAME = re.compile(r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b")
# Written so that they don't find themselves.
MACHINE_PLACE = re.compile(r"(?<![\w.$}])/(?:[w]ork/(?:main|shared)|[r]oot/|[h]ome/[a-z])")
INDEX_OPTION = re.compile(r"(?:extra-)?[i]ndex-url[ =]+http|[G]OPROXY=http")


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked_files():
        try:
            found.append((path, path.read_text()))
        except UnicodeDecodeError:
            continue  # A picture or another binary has no text to look at.
    return found


def test_no_file_names_the_host_of_a_package_registry() -> None:
    named = {
        f"{path.relative_to(ROOT)}: {host}"
        for path, text in texts()
        for host in set(HOST_NAME.findall(text.lower()))
        if _is_registry(host)
    }

    assert not named, listing(named)


def _is_registry(host: str) -> bool:
    labels = host.split(".")
    suffixes = (".".join(labels[start:]) for start in range(len(labels) - 1))
    return any(hashlib.sha256(suffix.encode()).hexdigest()[:16] in REGISTRY_HOSTS for suffix in suffixes)


def test_no_file_names_a_package_index() -> None:
    over = [str(path.relative_to(ROOT)) for path, text in texts() if INDEX_OPTION.search(text)]
    assert not over, listing(over)


def test_no_file_names_a_place_of_one_machine() -> None:
    named = {f"{path.relative_to(ROOT)}: {found.group()}" for path, text in texts() for found in _places(text)}

    assert not named, listing(named)


def _places(text: str) -> list[re.Match[str]]:
    return list(MACHINE_PLACE.finditer(text))


def test_no_test_is_turned_off() -> None:
    turned_off = {
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail", "importorskip")
        if _is_pytest(node)
    }

    assert not turned_off, listing(turned_off)


def _is_pytest(node: ast.Attribute) -> bool:
    return ast.unparse(node).startswith("pytest.")


def test_each_test_can_fail() -> None:
    idle = {f"{module.name}:{name}" for module in modules() for name in _tests_without_a_check(module)}

    assert not idle, listing(idle)


def _tests_without_a_check(module: Module) -> list[str]:
    functions = (n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    tests = (function for function in functions if function.name.startswith("test_") and module.package == "tests")
    return [test.name for test in tests if not any(_checks(node) for node in ast.walk(test))]


def _checks(node: ast.AST) -> bool:
    """An assertion, an expected error, or a call of a helper that asserts (given/when/then, awaiting an event)."""
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func).split(".")[-1]
    return (
        name in ("raises", "warns", "rejects")
        or re.match(r"(assert|then|check|expect|await|verify|given|run)_?", name) is not None
    )
