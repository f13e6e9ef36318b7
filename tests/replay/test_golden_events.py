"""What was once written to the log can be read for ever. The golden files are append-only."""

import json
import re
from typing import Any

import pytest

from core.aggregates import AGGREGATES
from core.eventlog.serialization import Catalogue
from tests.replay.samples import DIGESTS, GOLDEN, digest, event_types, golden_name

FILES = sorted(GOLDEN.glob("*.json"), key=lambda path: path.name)
NAME = re.compile(r"(?P<type>[a-z_.]+)\.v(?P<version>\d+)\.json")


def catalogues(type_name: str) -> list[Catalogue]:
    return [aggregate.events for aggregate in AGGREGATES if type_name in aggregate.events]


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.TYPE)
def test_every_version_of_every_event_has_a_golden_file(kind: Any) -> None:
    for version in range(1, kind.VERSION + 1):
        assert (GOLDEN / golden_name(kind, version)).exists(), "python -m tests.replay.samples"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_golden_event_is_read_and_written_alike(path: Any) -> None:
    name = NAME.fullmatch(path.name)
    assert name, f"{path.name} is not named <type>.v<version>.json"
    version, stored = int(name["version"]), path.read_bytes()
    known = catalogues(name["type"])
    assert known, f"'{name['type']}' is in the log of others; its type may not be removed"
    for catalogue in known:
        event = catalogue.decode(name["type"], version, stored)
        if version == event.VERSION:
            written = json.loads(bytes(catalogue.encode(event)))
            assert written == json.loads(stored), "a stored field is lost or changed, or a new one has no default"


def test_golden_files_are_never_edited() -> None:
    recorded = dict(line.split("  ")[::-1] for line in DIGESTS.read_text().splitlines())
    assert recorded == {path.name: digest(path) for path in FILES}
