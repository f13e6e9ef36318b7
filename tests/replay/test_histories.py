"""The code of today replays what installations of earlier days recorded, to the same states and the same views."""

import json
from pathlib import Path

import pytest

from core.aggregates import AGGREGATES, POLICIES
from infra.memory.reader import MemoryLogReader
from infra.objects.filesystem import FilesystemObjects
from processors.export.check import ExportCheck
from processors.kinds import Kinds
from processors.options import ProcessorOptions
from processors.replay import Replay
from tests.replay.recorded import EXPORT, HISTORIES, STATES, VIEWS, restored, states, topology_of, views

ALL = sorted(path for path in HISTORIES.iterdir() if path.is_dir())
history = pytest.mark.parametrize("history", ALL, ids=lambda path: path.name)


def test_there_is_a_history() -> None:
    assert ALL


@history
def test_export_of_the_history_is_whole(history: Path) -> None:
    assert list(ExportCheck(FilesystemObjects(history / EXPORT)).run()) == []


@history
def test_replayed_history_has_no_fault(history: Path) -> None:
    log, topology = restored(history), topology_of(history)
    replay = Replay(
        Kinds(AGGREGATES, POLICIES), topology, lambda: MemoryLogReader(log, settled=True), log.clock, ProcessorOptions()
    )
    assert replay.run(verify=True).faults == []


@history
def test_states_are_those_that_were_recorded(history: Path) -> None:
    recorded = json.loads((history / STATES).read_text())
    found = json.loads(json.dumps(states(restored(history), topology_of(history))))
    assert found.keys() == recorded.keys()
    for stream, state in recorded.items():
        assert found[stream] == state, stream


@history
def test_views_are_those_that_were_recorded(history: Path, database_url: str) -> None:
    recorded = json.loads((history / VIEWS).read_text())
    found = views(restored(history), topology_of(history), database_url)
    for table, expected in recorded.items():
        assert found[table]["rows"] == expected["rows"], table
        for column, digest in expected["columns"].items():
            assert found[table]["columns"].get(column) == digest, f"{table}.{column}"
