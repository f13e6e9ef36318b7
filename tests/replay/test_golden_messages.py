"""What was once written to the log can be read for ever, events and commands. The golden files are append-only."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.aggregates import AGGREGATES
from core.eventlog.serialization import Catalogue
from tests.replay.samples import COMMANDS, DIGESTS, GOLDEN, command_types, digest, event_types, golden_name

KINDS = [(GOLDEN, kind) for kind in event_types()] + [(COMMANDS, kind) for kind in command_types()]
FILES = sorted([*GOLDEN.glob("*.json"), *COMMANDS.glob("*.json")], key=lambda path: path.name)
NAME = re.compile(r"(?P<type>[a-z_.]+)\.v(?P<version>\d+)\.json")


def catalogues(path: Path, type_name: str) -> list[Catalogue]:
    chosen = [each.events if path.parent == GOLDEN else each.commands for each in AGGREGATES]
    return [catalogue for catalogue in chosen if type_name in catalogue]


@pytest.mark.parametrize(("folder", "kind"), KINDS, ids=[kind.TYPE for _, kind in KINDS])
def test_every_version_of_every_message_has_a_golden_file(folder: Path, kind: Any) -> None:
    for version in range(1, kind.VERSION + 1):
        assert (folder / golden_name(kind, version)).exists(), "python -m tests.replay.samples"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_golden_message_is_read_and_written_alike(path: Path) -> None:
    name = NAME.fullmatch(path.name)
    assert name, f"{path.name} is not named <type>.v<version>.json"
    version, stored = int(name["version"]), path.read_bytes()
    known = catalogues(path, name["type"])
    assert known, f"'{name['type']}' is in the log of others; its type may not be removed"
    for catalogue in known:
        message = catalogue.decode(name["type"], version, stored)
        if version == message.VERSION:
            written = json.loads(bytes(catalogue.encode(message)))
            assert written == json.loads(stored), "a stored field is lost or changed, or a new one has no default"


@pytest.mark.parametrize("folder", [GOLDEN, COMMANDS], ids=["events", "commands"])
def test_golden_files_are_never_edited(folder: Path) -> None:
    recorded = dict(line.split("  ")[::-1] for line in (folder / DIGESTS).read_text().splitlines())
    assert recorded == {path.name: digest(path) for path in folder.glob("*.json")}
