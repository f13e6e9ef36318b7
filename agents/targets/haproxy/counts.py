"""How many requests each set has had, over all the proxy processes there were meanwhile."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from agents.targets.place import read_json, write_json


class _Noted(msgspec.Struct, frozen=True):
    """`totals` by set, up to when the slots of `process` stood at `last`."""

    process: str = ""
    last: dict[str, int] = {}
    totals: dict[str, int] = {}


class Counts:
    """`now` are the counters of the slots of `process`, which began at 0; `slots` says which set sits where."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, process: str, now: Mapping[str, int], slots: Mapping[str, str]) -> dict[str, int]:
        noted = self._noted()
        last = noted.last if noted.process == process else {}
        return {
            name: noted.totals.get(name, 0) + max(0, now.get(slot, 0) - last.get(slot, 0))
            for name, slot in slots.items()
        }

    def note(self, process: str, now: Mapping[str, int], slots: Mapping[str, str]) -> None:
        """Sets that have no slot are forgotten; one that is new in its slot begins at 0."""
        noted = self._noted()
        changed = _Noted(process, dict(now), self.read(process, now, slots))
        if changed != noted:
            write_json(self._path, changed, lasting=False)

    def _noted(self) -> _Noted:
        return read_json(self._path, _Noted) or _Noted()
