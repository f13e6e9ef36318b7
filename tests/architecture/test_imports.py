"""Who may import whom and what. The layers themselves are import-linter contracts in pyproject.toml."""

import ast
import subprocess
import sys

from tests.support.sources import PACKAGES, ROOT, Module, listing, modules, production_modules

# What core may use: the standard library's pure part and the libraries that encode and parse.
CORE_MAY_IMPORT = {
    *("abc", "base64", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "difflib", "enum"),
    *(
        "fnmatch",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "struct",
    ),
    *("statistics", "textwrap", "types", "typing", "unicodedata", "urllib", "uuid", "zlib", "zoneinfo"),
    *("msgspec", "yaml", "cronsim", "cel"),
    # For the Mann-Whitney test (core/analysis/compare.py), which is a pure function of its numbers.
    "scipy",
}
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}
IMPURE_CALLS |= {"uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4"}


def test_layers_hold() -> None:
    """In a process of its own: import-linter sets up logging for the whole process."""
    command = (sys.executable, "-m", "importlinter.cli", "lint-imports", "--no-cache")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_core_imports_only_what_is_pure() -> None:
    allowed = {*CORE_MAY_IMPORT, "core"}
    strays = {
        f"{module.name}: {name}"
        for module in modules()
        if module.package == "core"
        for name in module.imports()
        if name.split(".")[0] not in allowed
    }

    assert not strays, listing(strays)


def test_core_asks_neither_clock_nor_chance_nor_disk() -> None:
    calls = {f"{module.name}: {call}" for module in modules() if module.package == "core" for call in _calls(module)}

    over = {call for call in calls if call.split(": ")[1] in IMPURE_CALLS}
    assert not over, listing(over)


def _calls(module: Module) -> set[str]:
    called = (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return {ast.unparse(each) for each in called}


def test_kafka_client_is_imported_only_by_its_adapter() -> None:
    importers = {module.name for module in production_modules() if _imports_package(module, "confluent_kafka")}

    over = {name for name in importers if not name.startswith("infra/kafka/")}
    assert not over, listing(over)


def _imports_package(module: Module, package: str) -> bool:
    return any(name.split(".")[0] == package for name in module.imports())


def test_production_code_never_imports_tests_or_their_tools() -> None:
    test_tools = ("tests", "pytest", "hypothesis", "testcontainers")
    found = {
        f"{module.name}: {tool}"
        for module in production_modules()
        for tool in test_tools
        if _imports_package(module, tool)
    }

    assert not found, listing(found)


def test_bootstrap_and_launcher_need_nothing_but_the_standard_library() -> None:
    bare = ("infra/bootstrap.py", "infra/embedded/launch.py")
    imported = {name.split(".")[0] for module in modules() if module.name in bare for name in module.imports()}

    assert imported
    assert imported - sys.stdlib_module_names == set()
    assert imported & set(PACKAGES) == set()
