"""Lifting stored data of an older schema version to today's, one pure step at a time."""

from collections.abc import Callable
from typing import Any

Data = dict[str, Any]
Upcast = Callable[[Data], Data]


class Upcasters:
    """Steps by (type, from version); each lifts data from that version to the next."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, int], Upcast] = {}

    def register(self, type_name: str, from_version: int, step: Upcast) -> None:
        if (type_name, from_version) in self._steps:
            raise ValueError(f"'{type_name}' already has a step from version {from_version}")
        self._steps[type_name, from_version] = step

    def lift(self, type_name: str, version: int, target: int, data: Data) -> Data:
        """`data` at version `target`. Raises LookupError where a step is missing."""
        while version < target:
            step = self._steps.get((type_name, version))
            if step is None:
                raise LookupError(f"no upcast of '{type_name}' from version {version} to {version + 1}")
            data, version = step(data), version + 1
        return data
