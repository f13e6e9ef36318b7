"""The size budgets of this code base. A limit is a sign to split along a concept, not to cut lines in two files."""

import ast
import statistics

from tests.support.sources import PACKAGES, ROOT, Module, listing, modules, production_modules

LONGEST_FILE = 500
LONGEST_FUNCTION = 70
MEDIAN_FUNCTION = 10
NINETIETH_PERCENTILE_FUNCTION = 30
MOST_OWN_IMPORTS = 12
DEEPEST_FOLDER = 3
LONGEST_OPENING = 5
# The one place that constructs all concrete adapters.
WIRING = "infra/wiring/"


def test_no_file_is_longer_than_its_limit() -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in modules()}

    over = {name: length for name, length in lengths.items() if length > LONGEST_FILE}
    assert not over, listing(over)


def test_no_function_is_longer_than_its_limit() -> None:
    lengths = [pair for module in modules() for pair in module.functions()]

    over = {name: length for name, length in lengths if length > LONGEST_FUNCTION}
    assert not over, listing(over)


def test_most_functions_are_short() -> None:
    lengths = [length for module in production_modules() for _, length in module.functions()]

    assert statistics.median(lengths) <= MEDIAN_FUNCTION
    assert statistics.quantiles(lengths, n=10)[-1] <= NINETIETH_PERCENTILE_FUNCTION


def test_no_file_imports_too_many_of_our_modules() -> None:
    counts = {
        module.name: sum(name.split(".")[0] in PACKAGES for name in module.imports())
        for module in production_modules()
        if not module.name.startswith(WIRING)
    }

    over = {name: count for name, count in counts.items() if count > MOST_OWN_IMPORTS}
    assert not over, listing(over)


def test_folders_are_not_nested_deeper_than_the_limit() -> None:
    folders = {module.path.parent.relative_to(ROOT) for module in modules()}

    over = {str(folder) for folder in folders if len(folder.parts) > DEEPEST_FOLDER}
    assert not over, listing(over)


def test_each_module_opens_by_saying_what_it_is_for() -> None:
    over = [module.name for module in modules() if module.text.strip() and not _opens_well(module)]
    assert not over, listing(over)


def _opens_well(module: Module) -> bool:
    """The first paragraph counts; rules, tables and warnings may follow it."""
    said = ast.get_docstring(module.tree)
    return said is not None and len(said.split("\n\n")[0].splitlines()) <= LONGEST_OPENING
