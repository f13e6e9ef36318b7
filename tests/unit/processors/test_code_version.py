"""Snapshots are trusted by the code that made them, and by no other that folds events differently."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.aggregates import AGGREGATES
from core.ports import TopicPartition
from processors.code_version import SHELL_MODULES, code_version, sources
from tests.support.counter import Add
from tests.support.plant import OPTIONS, Plant
from tests.support.sources import ROOT

_VERSION = "from core.aggregates import AGGREGATES; from processors.code_version import code_version as v"


def version_of(tree: Path) -> str:
    """What the code in `tree` calls itself."""
    command = (sys.executable, "-c", f"{_VERSION}; print(v(AGGREGATES))")
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The version of a copy of our code in which a line was added to this file."""
    tree = tmp_path_factory.mktemp("tree")
    for package in ("core", "processors"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))

    def version(name: str) -> str:
        before = (tree / name).read_text()
        (tree / name).write_text(before + "\n# another line\n")
        try:
            return version_of(tree)
        finally:
            (tree / name).write_text(before)

    return version


def test_equal_sources_have_one_version_wherever_they_lie(tmp_path: Path) -> None:
    for package in ("core", "processors"):
        shutil.copytree(ROOT / package, tmp_path / package)
    assert version_of(tmp_path) == code_version(AGGREGATES)


@pytest.mark.parametrize(
    "name",
    [
        "core/runs/evolve.py",
        "core/pools/state.py",
        "core/pools/lanes.py",
        "core/ordered.py",
        "core/eventlog/upcasting.py",
        "core/runs/events.py",
        "processors/partition_state.py",
        "processors/snapshots.py",
    ],
)
def test_what_a_stored_state_depends_on_changes_the_version(name: str, edited: Callable[[str], str]) -> None:
    assert edited(name) != code_version(AGGREGATES)


@pytest.mark.parametrize("name", ["core/runs/decide.py", "core/forges/github.py", "processors/shell.py"])
def test_what_only_decides_or_talks_keeps_the_version(name: str, edited: Callable[[str], str]) -> None:
    assert edited(name) == code_version(AGGREGATES)


def test_no_module_that_folding_imports_is_left_out() -> None:
    """What Python itself loads for them, but for what only the forges' package pulls in beside what is needed of it."""
    roots = {found.__module__ for each in AGGREGATES for found in (each.evolve, each.state_type)} | {*SHELL_MODULES}
    code = f"import sys, {', '.join(sorted(roots))}; print(*sys.modules)"
    loaded = subprocess.run((sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = {name for name in loaded.split() if (ROOT / Path(*name.split(".")).with_suffix(".py")).is_file()}
    assert len(ours) > 30
    left_out = {name for name in ours - sources(AGGREGATES).keys() if not name.startswith("core.forges.")}
    assert left_out == {"core.delivery"}


def test_snapshots_of_other_code_are_ignored_and_of_the_same_are_used() -> None:
    plant = Plant(replace(OPTIONS, checkpoint_events=1))
    processor = plant.processor("one")
    for _ in range(5):
        plant.send(plant.command("run/a", Add()))
        plant.settle(processor)
    processor.close()
    where = TopicPartition("sealane.runs.commands", 0)

    def restored_events(version: str) -> int:
        again = plant.processor("two", replace(plant.options, code_version=version))
        plant.settle(again)
        assert again.partitions[where].streams["run/a"].version == 5
        again.close()
        return again.metrics.restored_events

    assert restored_events(plant.options.code_version) == 0
    assert restored_events(code_version(AGGREGATES)) == 5
